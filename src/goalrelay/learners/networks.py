"""Multilayer perceptrons, with an image encoder if need be, for JAX and for NumPy arrays.

`MLP.__call__` uses only operations that both kinds of array have. Learning calls it with JAX arrays
inside a jitted update. Acting calls it with NumPy arrays: 15 microseconds for a forward pass, and
no dispatch to a device that is busy with updates.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from goalrelay.types import Array

Init = Literal["glorot", "fan_in", "small_final_layer", "orthogonal"]
SMALL = 3e-3
"""Bound of the last layer's initial weights with `small_final_layer`."""
LAST_GAIN = 0.1
"""Gain of the last layer with `orthogonal` (mrl)."""
EPSILON = 1e-5
"""Added to the variance in layer normalisation."""


CONVOLUTIONS = ((8, 64), (2, 64))
"""Of the image encoder: side of the patches and channels of each layer. Patches do not overlap, so
a layer is one product of matrices, which is fast on a CPU (as the first layer of Dosovitskiy et al.
2021, arXiv 2010.11929)."""


class Seen(NamedTuple):
    """Network inputs with an image."""

    inputs: Array
    """[..., D] normalised"""
    image: Array
    """[..., H, W, C] uint8"""


class MLP(NamedTuple):
    """Layers with ReLU between them and none after the last; a pytree of arrays.

    With layer normalisation (Ba et al. 2016, arXiv 1607.06450) each hidden layer is normalised
    before its ReLU. With kernels, an image becomes numbers in front of the inputs; every network
    has its own encoder, and learns it with its own loss.
    """

    weights: tuple[Array, ...]
    """[in, out] each"""
    biases: tuple[Array, ...]
    """[out] each"""
    gains: tuple[Array, ...] = ()
    """Of layer normalisation, [out] for each hidden layer; empty: none"""
    shifts: tuple[Array, ...] = ()
    """Of layer normalisation, added after the gain"""
    kernels: tuple[Array, ...] = ()
    """Of the image encoder, [size, size, in, out] each; empty: no images"""
    offsets: tuple[Array, ...] = ()
    """[out] each, added after a convolution"""

    def __call__(self, inputs: Array) -> Array:
        """[..., in], or `Seen` -> [..., out]"""
        x: Array = inputs
        if isinstance(inputs, Seen):
            x = _joined(self._encoded(inputs.image), inputs.inputs)
        for layer, (weight, bias) in enumerate(
            zip(self.weights[:-1], self.biases[:-1], strict=True)
        ):
            x = x @ weight + bias
            if self.gains:
                x = layer_norm(x) * self.gains[layer] + self.shifts[layer]
            x = x.clip(0)
        return x @ self.weights[-1] + self.biases[-1]

    def _encoded(self, image: Array) -> Array:
        """[..., H, W, C] uint8 -> [..., features]"""
        x = image.reshape(-1, *image.shape[-3:]).astype(np.float32) / 127.5 - 1
        for kernel, offset in zip(self.kernels, self.offsets, strict=True):
            x = (patches(x, kernel.shape[0]) @ kernel.reshape(-1, len(offset)) + offset).clip(0)
        return x.reshape(*image.shape[:-3], -1)


def patches(x: Array, side: int) -> Array:
    """Patches that do not overlap, zeros beyond the edges.

    [B, H, W, C] -> [B, ceil(H / side), ceil(W / side), side * side * C]
    """
    count, height, width, channels = x.shape
    rows, columns = -(-height // side), -(-width // side)
    if (rows * side, columns * side) != (height, width):
        beyond = ((0, 0), (0, rows * side - height), (0, columns * side - width), (0, 0))
        x = (np if isinstance(x, np.ndarray) else jnp).pad(x, beyond)
    x = x.reshape(count, rows, side, columns, side, channels).swapaxes(2, 3)
    return x.reshape(count, rows, columns, side * side * channels)


def features(image: tuple[int, ...]) -> int:
    """Numbers that the encoder makes of an image [H, W, C]; none without one."""
    if not image:
        return 0
    height, width = image[:2]
    for side, _ in CONVOLUTIONS:
        height, width = -(-height // side), -(-width // side)
    return height * width * CONVOLUTIONS[-1][1]


def kernel_shapes(channels: int) -> list[tuple[int, int, int, int]]:
    """Shapes of the encoder's kernels for images of so many channels."""
    before = (channels, *(out for _, out in CONVOLUTIONS))
    layers = zip(CONVOLUTIONS, before[:-1], strict=True)
    return [(side, side, channels, out) for (side, out), channels in layers]


def encoder(key: Array, channels: int) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Initial kernels N(0, 2 / in) (He et al. 2015, arXiv 1502.01852) and zero offsets."""
    shapes = kernel_shapes(channels)
    kernels = [
        jax.random.normal(part, shape) * (2 / math.prod(shape[:-1])) ** 0.5
        for part, shape in zip(jax.random.split(key, len(shapes)), shapes, strict=True)
    ]
    return tuple(kernels), tuple(jnp.zeros(shape[-1]) for shape in shapes)


def layer_norm(x: Array) -> Array:
    """Zero mean and unit variance over the last axis: [..., N] -> [..., N]."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / (x.var(-1, keepdims=True) + EPSILON) ** 0.5


def mlp(key: Array, sizes: Sequence[int], init: Init, normalized: bool = False) -> MLP:
    """An initial network with layers sizes[0] -> ... -> sizes[-1].

    `glorot`: weights U(+-sqrt(6 / (in + out))), zero biases (OpenAI Baselines HER).
    `fan_in`: weights and biases U(+-1 / sqrt(in)) (usual in PyTorch; TD3's authors).
    `small_final_layer`: `fan_in`, but U(+-0.003) in the last layer, so that the first actions are
    small (DDPG, HIRO).
    `orthogonal`: orthogonal weights, times 0.1 in the last layer, zero biases (mrl).

    Args:
        key: of the random weights.
        sizes: of the layers, input and output included.
        init: distribution of the initial weights.
        normalized: whether hidden layers have layer normalisation.
    """
    weights, biases = [], []
    layers = zip(jax.random.split(key, len(sizes) - 1), sizes[:-1], sizes[1:], strict=True)
    for number, (layer_key, fan_in, fan_out) in enumerate(layers):
        weight_key, bias_key = jax.random.split(layer_key)
        if init == "orthogonal":
            gain = LAST_GAIN if number == len(sizes) - 2 else 1.0
            orthogonal = jax.nn.initializers.orthogonal(gain)
            weights.append(orthogonal(weight_key, (fan_in, fan_out)))
            biases.append(jnp.zeros(fan_out))
            continue
        if init == "glorot":
            bound, bias_bound = (6.0 / (fan_in + fan_out)) ** 0.5, 0.0
        else:
            small = init == "small_final_layer" and number == len(sizes) - 2
            bound = bias_bound = SMALL if small else fan_in**-0.5
        weights.append(jax.random.uniform(weight_key, (fan_in, fan_out), minval=-1) * bound)
        biases.append(jax.random.uniform(bias_key, (fan_out,), minval=-1) * bias_bound)
    hidden = sizes[1:-1] if normalized else ()
    gains, shifts = (tuple(fill(size) for size in hidden) for fill in (jnp.ones, jnp.zeros))
    return MLP(tuple(weights), tuple(biases), gains, shifts)


def q_value(critic: MLP, inputs: Array, action: Array) -> Array:
    """Q(inputs, action): [..., D] or `Seen`, [..., A] -> [...]"""
    if isinstance(inputs, Seen):
        return critic(inputs._replace(inputs=_joined(inputs.inputs, action)))[..., 0]
    return critic(_joined(inputs, action))[..., 0]


def _joined(first: Array, second: Array) -> Array:
    """[..., N], [..., M] -> [..., N + M]"""
    plain = isinstance(first, np.ndarray) and isinstance(second, np.ndarray)
    return (np if plain else jnp).concatenate([first, second], axis=-1)


def to_numpy(tree: Array) -> Array:
    """The same pytree with NumPy leaves (views of host memory if possible)."""
    return jax.tree.map(np.asarray, tree)
