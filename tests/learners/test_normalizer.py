"""Inputs are normalised by what was seen so far, whatever their units, and clipped."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.learners import normalizer


def moments_of(statistics: normalizer.Statistics, clip: float) -> normalizer.Moments:
    """Of all inputs."""
    return normalizer.moments(statistics, clip, np.ones(len(statistics.total), bool))


def seen(data: np.ndarray) -> normalizer.Statistics:
    return normalizer.observe(normalizer.empty(data.shape[1]), data)


def test_running_moments_equal_those_of_all_data() -> None:
    data = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4)).astype(np.float32)
    statistics = normalizer.empty(4)
    for part in np.split(data, 10):
        statistics = normalizer.observe(statistics, part)
    moments = moments_of(statistics, 5.0)
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
        statistics = normalizer.observe(statistics, part)
    whole = data.astype(np.float64)
    moments = moments_of(statistics, 5.0)
    np.testing.assert_allclose(moments.mean, whole.mean(0), rtol=1e-5)
    np.testing.assert_allclose(moments.std, whole.std(0), rtol=1e-5)


def test_a_small_deviation_far_from_zero_is_not_lost_to_rounding() -> None:
    data = np.random.default_rng(0).normal(150.0, 0.05, (20_000, 1)).astype(np.float32)
    moments = moments_of(seen(data), 5.0)
    assert moments.std[0] == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_ten_million_inputs_are_normalised_as_in_float64(unit: float) -> None:
    """In float32 within 1e-4 of float64, also a hundred deviations away from 0."""
    data = np.random.default_rng(0).normal([0, 100, -7], 1, (100_000, 3)) * unit
    inputs, statistics = data.astype(np.float32), normalizer.empty(3)
    for _ in range(100):
        statistics = normalizer.observe(statistics, inputs)
    assert statistics.seen == 10_000_000
    exact = inputs.astype(np.float64)
    spread = exact.std(0)
    spread = np.maximum(spread, min(normalizer.SMALLEST_STD, spread.max()))
    expected = ((exact - exact.mean(0)) / spread).clip(-5, 5)
    normalized = normalizer.normalize(moments_of(statistics, 5.0), inputs)
    assert normalized.dtype == np.float32
    np.testing.assert_allclose(normalized, expected, atol=1e-4)


def test_normalised_inputs_are_clipped() -> None:
    moments = moments_of(seen(np.array([[200.0], [-200.0]])), 0.5)  # mean 0, deviation 200
    assert normalizer.normalize(moments, np.array([1e9], np.float32)) == [0.5]
    assert normalizer.normalize(moments, np.array([-1e9], np.float32)) == [-0.5]
    assert normalizer.normalize(moments, np.array([50.0], np.float32)) == [0.25]


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [0.0, -300.0])
def test_units_and_offsets_do_not_matter(unit: float, offset: float) -> None:
    data = np.random.default_rng(0).normal(offset, [1.0, 0.3], (1000, 2))
    inputs = (data * unit).astype(np.float32)
    normalized = normalizer.normalize(moments_of(seen(inputs), 5.0), inputs)
    np.testing.assert_allclose(normalized[:, 0].std(), 1, rtol=0.01)
    assert 0.28 < normalized[:, 1].std() < 1.01, "the smaller one counts too"


def test_a_constant_input_has_the_smallest_deviation_not_none() -> None:
    moments = moments_of(seen(np.full((100, 1), 0.7)), 5.0)
    assert moments.std == pytest.approx([0.01])
    assert normalizer.normalize(moments, np.array([0.7], np.float32)) == pytest.approx(0, abs=1e-4)


def test_only_the_inputs_asked_for_are_normalised_and_all_are_clipped() -> None:
    data = np.array([[1.0, 1.0], [3.0, 3.0]])  # mean 2, deviation 1
    which = np.array([True, False])
    moments = normalizer.moments(seen(data), 5.0, which)
    x = np.array([[4.0, 4.0], [90.0, 90.0]], np.float32)
    np.testing.assert_allclose(normalizer.normalize(moments, x), [[2.0, 4.0], [5.0, 5.0]])


def test_nothing_seen_means_nothing_changed() -> None:
    moments = moments_of(normalizer.empty(3), np.inf)
    x = np.array([1.0, -300.0, 5.0], np.float32)
    np.testing.assert_array_equal(normalizer.normalize(moments, x), x)


def test_normalising_is_single_precision_and_the_same_in_numpy_and_in_jax() -> None:
    data = np.random.default_rng(1).normal(1.0, 4.0, (50, 3)).astype(np.float32)
    moments = moments_of(seen(data), 1.5)
    assert {x.dtype for x in moments} == {np.dtype(np.float32)}
    here, there = normalizer.normalize(moments, data), jax.jit(normalizer.normalize)(moments, data)
    assert here.dtype == np.float32
    np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-6)
