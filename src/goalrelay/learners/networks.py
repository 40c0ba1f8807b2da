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

Init = Literal["glorot", "fan_in", "small_final_layer"]
SMALL = 3e-3
"""Bound of the last layer's initial weights with `small_final_layer`."""


class MLP(NamedTuple):
    """Layers with ReLU between them and none after the last; a pytree of arrays."""

    weights: tuple[Array, ...]
    """[in, out] each"""
    biases: tuple[Array, ...]
    """[out] each"""

    def __call__(self, x: Array) -> Array:
        """[..., in] -> [..., out]"""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = (x @ weight + bias).clip(0)
        return x @ self.weights[-1] + self.biases[-1]


def mlp(key: Array, sizes: Sequence[int], init: Init) -> MLP:
    """An initial network with layers sizes[0] -> ... -> sizes[-1].

    `glorot`: weights U(+-sqrt(6 / (in + out))), zero biases (OpenAI Baselines HER).
    `fan_in`: weights and biases U(+-1 / sqrt(in)) (usual in PyTorch; TD3's authors).
    `small_final_layer`: `fan_in`, but U(+-0.003) in the last layer, so that the first actions are
    small (DDPG, HIRO).

    Args:
        key: of the random weights.
        sizes: of the layers, input and output included.
        init: distribution of the initial weights.
    """
    weights, biases = [], []
    layers = zip(jax.random.split(key, len(sizes) - 1), sizes[:-1], sizes[1:], strict=True)
    for number, (layer_key, fan_in, fan_out) in enumerate(layers):
        weight_key, bias_key = jax.random.split(layer_key)
        if init == "glorot":
            bound, bias_bound = (6.0 / (fan_in + fan_out)) ** 0.5, 0.0
        else:
            small = init == "small_final_layer" and number == len(sizes) - 2
            bound = bias_bound = SMALL if small else fan_in**-0.5
        weights.append(jax.random.uniform(weight_key, (fan_in, fan_out), minval=-1) * bound)
        biases.append(jax.random.uniform(bias_key, (fan_out,), minval=-1) * bias_bound)
    return MLP(tuple(weights), tuple(biases))


def q_value(critic: MLP, inputs: Array, action: Array) -> Array:
    """Q(inputs, action): [..., D], [..., A] -> [...]"""
    return critic(jnp.concatenate([inputs, action], axis=-1))[..., 0]


def to_numpy(tree: Array) -> Array:
    """The same pytree with NumPy leaves (views of host memory if possible)."""
    return jax.tree.map(np.asarray, tree)
