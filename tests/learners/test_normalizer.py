"""Inputs are normalised by what was seen so far, and clipped before and after."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.learners import normalizer


def moments_of(
    statistics: normalizer.Statistics, clip_input: float, clip_normalized: float
) -> normalizer.Moments:
    """Of all inputs."""
    which = np.ones(len(statistics.total), bool)
    return normalizer.moments(statistics, clip_input, clip_normalized, which)


def seen(data: np.ndarray, clip_input: float = 200.0) -> normalizer.Statistics:
    return normalizer.observe(normalizer.empty(data.shape[1]), data, clip_input)


def test_running_moments_equal_those_of_all_data() -> None:
    data = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4)).astype(np.float32)
    statistics = normalizer.empty(4)
    for part in np.split(data, 10):
        statistics = normalizer.observe(statistics, part, 200.0)
    moments = moments_of(statistics, 200.0, 5.0)
    np.testing.assert_allclose(moments.mean, data.mean(0), rtol=1e-5)
    np.testing.assert_allclose(moments.std, data.std(0), rtol=1e-4)
    normalized = normalizer.normalize(moments, data)
    np.testing.assert_allclose(normalized.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(normalized.std(0), 1, rtol=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 100), max_size=4), st.integers(0, 2**32 - 1))
def test_it_does_not_matter_in_which_parts_data_come(cuts: list[int], seed: int) -> None:
    data = np.random.default_rng(seed).normal(-1.0, 300.0, (100, 2)).astype(np.float32)
    statistics = normalizer.empty(2)
    for part in np.split(data, sorted(cuts)):
        statistics = normalizer.observe(statistics, part, 200.0)
    whole = data.clip(-200, 200).astype(np.float64)
    moments = moments_of(statistics, 200.0, 5.0)
    np.testing.assert_allclose(moments.mean, whole.mean(0), rtol=1e-5)
    np.testing.assert_allclose(moments.std, whole.std(0), rtol=1e-5)


def test_a_small_deviation_far_from_zero_is_not_lost_to_rounding() -> None:
    data = np.random.default_rng(0).normal(150.0, 0.05, (20_000, 1)).astype(np.float32)
    moments = moments_of(seen(data), 200.0, 5.0)
    assert moments.std[0] == pytest.approx(0.05, rel=0.02)


def test_inputs_are_clipped_before_and_after() -> None:
    moments = moments_of(seen(np.array([[1e9], [-1e9]])), 200.0, 0.5)
    assert moments.mean == [0.0]
    assert moments.std == [200.0]
    assert normalizer.normalize(moments, np.array([1e9], np.float32)) == [0.5]
    assert normalizer.normalize(moments, np.array([-1e9], np.float32)) == [-0.5]
    assert normalizer.normalize(moments, np.array([50.0], np.float32)) == [0.25]


def test_a_raw_input_beyond_its_limit_counts_as_the_limit() -> None:
    # Mean 2, deviation 1; inputs of +-1000 count as +-10: (10 - 2) / 1 and (-10 - 2) / 1.
    moments = moments_of(seen(np.array([[1.0], [3.0]])), 10.0, 50.0)
    far = np.array([[1000.0], [-1000.0]], np.float32)
    np.testing.assert_allclose(normalizer.normalize(moments, far), [[8.0], [-12.0]])


def test_a_constant_input_has_the_smallest_deviation_not_none() -> None:
    moments = moments_of(seen(np.full((100, 1), 0.7)), 200.0, 5.0)
    assert moments.std == pytest.approx([0.01])
    assert normalizer.normalize(moments, np.array([0.7], np.float32)) == pytest.approx(0, abs=1e-4)


def test_only_the_inputs_asked_for_are_normalised_and_all_are_clipped() -> None:
    data = np.array([[1.0, 1.0], [3.0, 3.0]])  # mean 2, deviation 1
    which = np.array([True, False])
    moments = normalizer.moments(seen(data), 200.0, 5.0, which)
    x = np.array([[4.0, 4.0], [90.0, 90.0]], np.float32)
    np.testing.assert_allclose(normalizer.normalize(moments, x), [[2.0, 4.0], [5.0, 5.0]])


def test_nothing_seen_means_nothing_changed() -> None:
    moments = moments_of(normalizer.empty(3), np.inf, np.inf)
    x = np.array([1.0, -300.0, 5.0], np.float32)
    np.testing.assert_array_equal(normalizer.normalize(moments, x), x)


def test_normalising_is_single_precision_and_the_same_in_numpy_and_in_jax() -> None:
    data = np.random.default_rng(1).normal(1.0, 4.0, (50, 3)).astype(np.float32)
    moments = moments_of(seen(data), 5.0, 1.5)
    assert {x.dtype for x in moments} == {np.dtype(np.float32)}
    here, there = normalizer.normalize(moments, data), jax.jit(normalizer.normalize)(moments, data)
    assert here.dtype == np.float32
    np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-6)
