"""Running mean and deviation of network inputs, with the clipping of OpenAI Baselines HER.

Sums are kept in float64 on the host; a `Moments` snapshot travels to the learner and into the
exported policy. `normalize` runs on NumPy and on JAX arrays.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.types import Array

CLIP_NORMALIZED = 5.0
"""Normalised inputs are clipped to +- this (Baselines' norm_clip)."""
SMALLEST_STD = 0.01
"""Baselines' floor under a deviation: a constant input stays small instead of exploding."""


class Statistics(NamedTuple):
    """Sums over everything seen; D inputs."""

    seen: np.ndarray
    """[] float64"""
    total: np.ndarray
    """[D] float64"""
    squares: np.ndarray
    """[D] float64"""


class Moments(NamedTuple):
    """What normalisation needs, float32: [D] each, and the two clipping limits."""

    mean: Array
    std: Array
    clip_input: Array
    """[]: raw inputs are clipped to +- this (Baselines' clip_obs)"""
    clip_normalized: Array
    """[]: normalised inputs are clipped to +- this (Baselines' norm_clip)"""


def empty(size: int) -> Statistics:
    """Statistics of nothing yet."""
    return Statistics(np.zeros(()), np.zeros(size), np.zeros(size))


def observe(statistics: Statistics, inputs: np.ndarray, clip_input: float) -> Statistics:
    """Statistics with inputs [N, D] added, clipped first as the network would see them."""
    x = np.clip(inputs, -clip_input, clip_input).astype(np.float64)
    return Statistics(
        statistics.seen + len(x),
        statistics.total + x.sum(0),
        statistics.squares + np.square(x).sum(0),
    )


def moments(
    statistics: Statistics, clip_input: float, clip_normalized: float, which: np.ndarray
) -> Moments:
    """Mean and deviation so far; the identity (0 and 1) before anything was seen.

    Args:
        statistics: of the inputs.
        clip_input: limit of raw inputs.
        clip_normalized: limit of normalised inputs.
        which: [D] bool; the others pass as they are, but for the clipping.
    """
    count = max(float(statistics.seen), 1.0)
    mean = statistics.total / count
    variance = statistics.squares / count - np.square(mean)
    std = np.sqrt(np.maximum(variance, SMALLEST_STD**2))
    if statistics.seen == 0:
        std = np.ones_like(std)
    return Moments(
        np.where(which, mean, 0).astype(np.float32),
        np.where(which, std, 1).astype(np.float32),
        np.float32(clip_input),
        np.float32(clip_normalized),
    )


def normalize(moments: Moments, inputs: Array) -> Array:
    """[..., D] -> [..., D]"""
    clipped = inputs.clip(-moments.clip_input, moments.clip_input)
    normalized = (clipped - moments.mean) / moments.std
    return normalized.clip(-moments.clip_normalized, moments.clip_normalized)
