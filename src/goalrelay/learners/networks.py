"""Multilayer perceptrons for JAX and for NumPy arrays.

`MLP.__call__` uses only operations that both kinds of array have. Learning calls it with JAX arrays
inside a jitted update. Acting calls it with NumPy arrays: 15 microseconds for a forward pass, and
no dispatch to a device that is busy with updates.
"""

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


class MLP(NamedTuple):
    """Layers with ReLU between them and none after the last; a pytree of arrays.

    With layer normalisation (Ba et al. 2016, arXiv 1607.06450) each hidden layer is normalised
    before its ReLU.
    """

    weights: tuple[Array, ...]
    """[in, out] each"""
    biases: tuple[Array, ...]
    """[out] each"""
    gains: tuple[Array, ...] = ()
    """Of layer normalisation, [out] for each hidden layer; empty: none"""
    shifts: tuple[Array, ...] = ()
    """Of layer normalisation, added after the gain"""

    def __call__(self, x: Array) -> Array:
        """[..., in] -> [..., out]"""
        for layer, (weight, bias) in enumerate(
            zip(self.weights[:-1], self.biases[:-1], strict=True)
        ):
            x = x @ weight + bias
            if self.gains:
                x = layer_norm(x) * self.gains[layer] + self.shifts[layer]
            x = x.clip(0)
        return x @ self.weights[-1] + self.biases[-1]


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
    """Q(inputs, action): [..., D], [..., A] -> [...]"""
    return critic(jnp.concatenate([inputs, action], axis=-1))[..., 0]


def to_numpy(tree: Array) -> Array:
    """The same pytree with NumPy leaves (views of host memory if possible)."""
    return jax.tree.map(np.asarray, tree)
