"""Running mean and standard deviation of network inputs, as in OpenAI Baselines HER.

    Statistics   sums in float64, on the host
    Moments      mean and deviation in float32, for the learner and for the exported policy

`normalize` works on NumPy and on JAX arrays.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.types import Array

CLIP_NORMALIZED = 5.0
"""Normalised inputs are clipped to [-this, this] (Baselines' norm_clip)."""
SMALLEST_STD = 0.01
"""Smallest deviation (Baselines' eps): a constant input must not become huge."""


class Statistics(NamedTuple):
    """Sums over all observed inputs of size D."""

    seen: np.ndarray
    """[] float64: number of inputs"""
    total: np.ndarray
    """[D] float64: sum"""
    squares: np.ndarray
    """[D] float64: sum of squares"""


class Moments(NamedTuple):
    """Mean and standard deviation, float32 [D], and the limit of clipping."""

    mean: Array
    std: Array
    clip_normalized: Array
    """[]: normalised inputs are clipped to [-this, this] (Baselines' norm_clip)"""


def empty(size: int) -> Statistics:
    """Statistics without inputs."""
    return Statistics(np.zeros(()), np.zeros(size), np.zeros(size))


def observe(statistics: Statistics, inputs: np.ndarray) -> Statistics:
    """Statistics with inputs [N, D] added."""
    exact = inputs.astype(np.float64)
    return Statistics(
        statistics.seen + len(exact),
        statistics.total + exact.sum(0),
        statistics.squares + np.square(exact).sum(0),
    )


def moments(statistics: Statistics, clip_normalized: float, which: np.ndarray) -> Moments:
    """Mean and standard deviation of the observed inputs; 0 and 1 without any.

    Args:
        statistics: of the inputs.
        clip_normalized: limit of normalised inputs.
        which: [D] bool, columns to normalise; the others are left as they are.
    """
    count = max(float(statistics.seen), 1.0)
    mean = statistics.total / count
    variance = statistics.squares / count - np.square(mean)
    std = np.sqrt(np.maximum(variance, 0))
    # In large units (kilometres) all deviations are small; then the largest is the floor.
    largest = std[which].max(initial=0)
    std = np.maximum(std, min(SMALLEST_STD, largest) if largest > 0 else SMALLEST_STD)
    if statistics.seen == 0:
        std = np.ones_like(std)
    return Moments(
        np.where(which, mean, 0).astype(np.float32),
        np.where(which, std, 1).astype(np.float32),
        np.float32(clip_normalized),
    )


def normalize(moments: Moments, inputs: Array) -> Array:
    """Normalised and clipped inputs: [..., D] -> [..., D]."""
    normalized = (inputs - moments.mean) / moments.std
    return normalized.clip(-moments.clip_normalized, moments.clip_normalized)
