"""One network, two homes: NumPy while acting, JAX while learning."""

from typing import Any

import jax
import numpy as np
import pytest

from goalrelay import normalizer
from goalrelay.networks import mlp, to_numpy


def test_a_network_computes_the_same_in_numpy_and_in_jax() -> None:
    network = mlp(jax.random.key(0), (7, 16, 16, 3), "glorot")
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    here, there = to_numpy(network)(x), jax.jit(lambda n, x: n(x))(network, x)
    assert isinstance(here, np.ndarray)
    np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(to_numpy(network)(x[0]), here[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("init", "bound", "bias"),
    [("glorot", (6 / 1000) ** 0.5, 0.0), ("fan_in", 500**-0.5, 500**-0.5)],
)
def test_weights_start_within_their_bounds_and_fill_them(
    init: Any, bound: float, bias: float
) -> None:
    network = mlp(jax.random.key(1), (500, 500), init)
    assert bound * 0.99 < np.abs(network.weights[0]).max() <= bound
    assert bias * 0.9 <= np.abs(network.biases[0]).max() <= bias


def test_running_moments_equal_those_of_all_data() -> None:
    data = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4)).astype(np.float32)
    statistics = normalizer.empty(4)
    for part in np.split(data, 10):
        statistics = normalizer.observe(statistics, part, 200.0)
    moments = normalizer.moments(statistics, 200.0, 5.0)
    np.testing.assert_allclose(moments.mean, data.mean(0), rtol=1e-5)
    np.testing.assert_allclose(moments.std, data.std(0), rtol=1e-4)
    normalized = normalizer.normalize(moments, data)
    np.testing.assert_allclose(normalized.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(normalized.std(0), 1, rtol=1e-3)


def test_inputs_are_clipped_before_and_after() -> None:
    statistics = normalizer.observe(normalizer.empty(1), np.array([[1e9], [-1e9]]), 200.0)
    moments = normalizer.moments(statistics, 200.0, 0.5)
    assert moments.mean == [0.0]
    assert moments.std == [200.0]
    assert normalizer.normalize(moments, np.array([1e9], np.float32)) == [0.5]
    assert normalizer.normalize(moments, np.array([50.0], np.float32)) == [0.25]


def test_a_constant_input_has_the_smallest_deviation_not_none() -> None:
    statistics = normalizer.observe(normalizer.empty(1), np.full((100, 1), 0.7), 200.0)
    moments = normalizer.moments(statistics, 200.0, 5.0)
    assert moments.std == pytest.approx([normalizer.SMALLEST_STD])
    assert normalizer.normalize(moments, np.array([0.7], np.float32)) == pytest.approx(0, abs=1e-4)


def test_nothing_seen_means_nothing_changed() -> None:
    moments = normalizer.moments(normalizer.empty(3), np.inf, np.inf)
    x = np.array([1.0, -300.0, 5.0], np.float32)
    np.testing.assert_array_equal(normalizer.normalize(moments, x), x)
