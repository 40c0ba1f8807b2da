"""One network, two homes: NumPy while acting, JAX while learning."""

from typing import Any

import jax
import numpy as np
import pytest

from goalrelay.learners.networks import MLP, mlp, q_value, to_numpy


def test_a_network_computes_the_same_in_numpy_and_in_jax() -> None:
    network = mlp(jax.random.key(0), (7, 16, 16, 3), "glorot")
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    here, there = to_numpy(network)(x), jax.jit(lambda n, x: n(x))(network, x)
    assert isinstance(here, np.ndarray)
    np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(to_numpy(network)(x[0]), here[0], rtol=1e-5, atol=1e-6)


def test_a_network_by_hand() -> None:
    # x = (1, 2): before ReLU (1 + 4 - 1, 1 - 6 + 2) = (4, -3), after it (4, 0);
    # output 10 * 4 + 100 * 0 + 7 = 47, which may be negative: -10 * 4 + 7 = -33.
    weights = (np.array([[1.0, 1.0], [2.0, -3.0]]), np.array([[10.0, -10.0], [100.0, 100.0]]))
    network = MLP(weights, (np.array([-1.0, 2.0]), np.array([7.0, 7.0])))
    np.testing.assert_array_equal(network(np.array([1.0, 2.0])), [47.0, -33.0])


def test_a_critic_sees_inputs_and_action_side_by_side() -> None:
    critic = MLP((np.array([[1.0], [10.0], [100.0]]),), (np.array([0.5]),))
    value = q_value(critic, np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[3.0], [-1.0]]))
    np.testing.assert_array_equal(value, [321.5, -99.5])


@pytest.mark.parametrize(
    ("init", "bound", "bias"),
    [("glorot", (6 / 1000) ** 0.5, 0.0), ("fan_in", 600**-0.5, 600**-0.5)],
)
def test_weights_start_uniform_within_their_bounds(init: Any, bound: float, bias: float) -> None:
    network = mlp(jax.random.key(1), (600, 400), init)
    weights, biases = np.asarray(network.weights[0]), np.asarray(network.biases[0])
    assert weights.shape == (600, 400)
    assert -bound <= weights.min() < -0.99 * bound
    assert 0.99 * bound < weights.max() <= bound
    assert weights.std() == pytest.approx(bound / 3**0.5, rel=0.01)  # a uniform spread
    assert -bias <= biases.min() <= -0.9 * bias
    assert 0.9 * bias <= biases.max() <= bias


def test_every_layer_starts_from_numbers_of_its_own() -> None:
    network = mlp(jax.random.key(2), (5, 5, 5), "fan_in")
    starts = [*network.weights, network.biases[0], network.biases[1]]
    first_rows = {tuple(np.ravel(x)[:5].tolist()) for x in starts}
    assert len(first_rows) == 4
    other = mlp(jax.random.key(3), (5, 5, 5), "fan_in")
    assert (other.weights[0] != network.weights[0]).all()


def test_a_small_final_layer_is_small_in_that_layer_only() -> None:
    plain = mlp(jax.random.key(4), (9, 400, 300), "fan_in")
    small = mlp(jax.random.key(4), (9, 400, 300), "small_final_layer")
    for one, other in ((plain.weights, small.weights), (plain.biases, small.biases)):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_allclose(other[1], 0.003 * 400**0.5 * one[1], rtol=1e-5)
        assert np.abs(other[1]).max() == pytest.approx(0.003, rel=0.05)


def test_layer_normalisation_by_hand() -> None:
    # Before the norm (3, 7): centred (-2, 2), deviation 2 -> (-1, 1); gain and shift give
    # (-1 * 2 + 3, 1 * 5 - 1) = (1, 4); output 1 + 10 * 4 = 41.
    network = MLP(
        (np.eye(2), np.array([[1.0], [10.0]])),
        (np.zeros(2), np.zeros(1)),
        (np.array([2.0, 5.0]),),
        (np.array([3.0, -1.0]),),
    )
    np.testing.assert_allclose(network(np.array([3.0, 7.0])), [41.0], rtol=1e-4)


def test_a_normalised_network_does_not_see_the_size_of_its_first_layer() -> None:
    network = to_numpy(mlp(jax.random.key(0), (7, 16, 16, 3), "orthogonal", normalized=True))
    assert [len(gain) for gain in network.gains] == [16, 16]
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    there = jax.jit(lambda n, x: n(x))(network, x)
    np.testing.assert_allclose(network(x), there, rtol=1e-4, atol=1e-5)
    larger = network._replace(weights=(100 * network.weights[0], *network.weights[1:]))
    np.testing.assert_allclose(larger(x), network(x), rtol=1e-3, atol=1e-4)
    plain = network._replace(gains=(), shifts=())
    assert np.abs(plain(x) - network(x)).max() > 0.01


def test_orthogonal_layers_keep_lengths_and_the_last_shrinks_them() -> None:
    network = mlp(jax.random.key(0), (8, 8, 8), "orthogonal")
    first, last = (np.asarray(weight) for weight in network.weights)
    np.testing.assert_allclose(first @ first.T, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(last @ last.T, 0.01 * np.eye(8), atol=1e-5)
    assert not any(np.asarray(bias).any() for bias in network.biases)
