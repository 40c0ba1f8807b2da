"""The image encoder: by a slow reference, alike on both kinds of array, learned by each network."""

import itertools
import math
from typing import Any

import jax
import numpy as np
import pytest

from goalrelay import learners
from goalrelay.learners.agent import Agent
from goalrelay.learners.config import network
from goalrelay.learners.imitation import Imitation
from goalrelay.learners.networks import MLP, Seen, features, kernel_shapes, patches, to_numpy
from goalrelay.types import Batch, Spec

SHAPE = (37, 50, 2)
"""Of the images: neither side is a multiple of the patches."""
SPEC = Spec(0, 2, 2, 3, False, 10, (-1.0, 0.0), image=SHAPE)


def some_images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8)


def one_network() -> MLP:
    config = learners.find("ddpg").Config(hidden=(8,))
    made = to_numpy(network(config, jax.random.key(0), (4, 8, 3), SHAPE))
    offsets = tuple(np.full(len(o), 0.1, np.float32) for o in made.offsets)
    return made._replace(offsets=offsets)


def slow_features(net: MLP, image: np.ndarray) -> np.ndarray:
    """Every patch by itself."""
    x = image.astype(float) / 127.5 - 1
    for kernel, offset in zip(net.kernels, net.offsets, strict=True):
        side = kernel.shape[0]
        rows, columns = math.ceil(x.shape[0] / side), math.ceil(x.shape[1] / side)
        padded = np.zeros((rows * side, columns * side, x.shape[2]))
        padded[: x.shape[0], : x.shape[1]] = x
        out = np.zeros((rows, columns, len(offset)))
        for i in range(rows):
            for j in range(columns):
                patch = padded[side * i : side * (i + 1), side * j : side * (j + 1)]
                out[i, j] = np.maximum(np.tensordot(patch, kernel, 3) + offset, 0)
        x = out
    return x.reshape(-1)


def test_it_is_what_a_slow_reference_says() -> None:
    net, (image,) = one_network(), some_images(1)
    inputs = np.array([0.3, -0.2, 0.5, 1.0], np.float32)
    seen = np.concatenate([slow_features(net, image), inputs])
    assert len(seen) == features(SHAPE) + 4
    hidden = np.maximum(seen @ net.weights[0] + net.biases[0], 0)
    expected = hidden @ net.weights[1] + net.biases[1]
    np.testing.assert_allclose(net(Seen(inputs, image)), expected, rtol=1e-4, atol=1e-5)


def test_it_is_the_same_alone_in_a_batch_and_with_jax() -> None:
    net, images = one_network(), some_images(6).reshape(2, 3, *SHAPE)
    inputs = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32)
    many = net(Seen(inputs, images))
    assert many.shape == (2, 3, 3)
    jitted = jax.jit(lambda n, s: n(s))(net, Seen(inputs, images))
    np.testing.assert_allclose(jitted, many, rtol=1e-4, atol=1e-5)
    one = net(Seen(inputs[1, 2], images[1, 2]))
    np.testing.assert_allclose(one, many[1, 2], rtol=1e-4, atol=1e-5)


def test_patches_are_rows_then_columns_then_channels() -> None:
    image = np.arange(4 * 6 * 2).reshape(1, 4, 6, 2)
    cut = patches(image, 2)
    assert cut.shape == (1, 2, 3, 8)
    np.testing.assert_array_equal(cut[0, 1, 2], image[0, 2:4, 4:6].reshape(-1))


def test_kernels_fit_each_other() -> None:
    shapes = kernel_shapes(5)
    assert shapes[0][2] == 5
    for before, after in itertools.pairwise(shapes):
        assert before[3] == after[2]


@pytest.mark.parametrize("name", ["ddpg", "td3", "sac", "dqn"])
def test_every_learner_changes_its_encoder(name: str) -> None:
    learner = learners.find(name)
    config = learner.Config(hidden=(8,), batch_size=4, init="fan_in")
    discrete = not learner.CONTINUOUS

    class Level:
        name, normalized = "", np.ones(2, bool)
        spec = SPEC._replace(discrete=discrete)

    level: Any = Level()
    agent = Agent(level, learner, config, Imitation(), jax.random.key(0))
    rng, images = np.random.default_rng(0), some_images(32).reshape(4, 8, *SHAPE)
    numbers = rng.normal(size=(4, 8, 2)).astype(np.float32)
    action = rng.integers(3, size=(4, 8)) if discrete else rng.uniform(-1, 1, (4, 8, 3))
    batch = Batch(
        numbers,
        action.astype(np.int32 if discrete else np.float32),
        -np.ones((4, 8), np.float32),
        np.full((4, 8), 0.9, np.float32),
        numbers,
        image=images,
        next_image=images[::-1].copy(),
    )
    agent.observe(numbers.reshape(-1, 2))
    before = agent.actor()
    agent.state, metrics = agent.start_updates(agent.state, batch, jax.random.key(1))
    after = agent.actor()
    assert np.isfinite([float(value) for value in metrics.values()]).all()
    for old, new in zip(before.kernels, after.kernels, strict=True):
        assert not np.array_equal(old, new)
