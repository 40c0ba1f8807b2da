"""Noise on collected actions: as much as configured, and less as evaluations succeed."""

import numpy as np
import pytest

from goalrelay.methods.exploration import Exploration, annealed, explore
from goalrelay.types import Spec

POINT = Spec(2, 2, 2, 2, False, 25, (-1.0, 0.0))
BITS = Spec(5, 5, 5, 5, True, 5, (-1.0, 0.0))


@pytest.mark.parametrize(
    ("anneal", "success", "scale"),
    [(1.0, 0.0, 1.0), (1.0, 0.25, 0.75), (1.0, 1.0, 0.0), (0.8, 0.5, 0.6), (0.0, 1.0, 1.0)],
)
def test_noise_shrinks_as_evaluations_succeed(anneal: float, success: float, scale: float) -> None:
    config = Exploration(0.2, 0.3, anneal=anneal, random_steps=7)
    shrunk = annealed(config, success)
    assert (shrunk.noise, shrunk.random) == pytest.approx((0.2 * scale, 0.3 * scale))
    assert (shrunk.anneal, shrunk.random_steps) == (anneal, 7)


def test_noise_is_as_configured_while_no_rate_of_success_is_known() -> None:
    config = Exploration(0.2, 0.3, anneal=1.0)
    assert annealed(config, None) == config


def test_gaussian_noise_has_its_deviation_and_random_actions_their_share() -> None:
    rng = np.random.default_rng(0)
    still = np.zeros(2, np.float32)
    noisy = np.stack([explore(Exploration(0.2, 0.0), POINT, still, rng) for _ in range(4000)])
    assert noisy.std() == pytest.approx(0.2, rel=0.05)
    mixed = np.stack([explore(Exploration(0.0, 0.3), POINT, still, rng) for _ in range(4000)])
    assert (mixed != 0).any(axis=1).mean() == pytest.approx(0.3, abs=0.03)
    assert np.abs(mixed).max() <= 1
    loud = np.stack([explore(Exploration(5.0, 0.0), POINT, still, rng) for _ in range(100)])
    assert np.abs(loud).max() == 1
    chosen = [
        int(explore(Exploration(0.2, 0.5), BITS, np.asarray(2, np.int32), rng)) for _ in range(4000)
    ]
    assert np.mean(np.array(chosen) == 2) == pytest.approx(0.5 + 0.5 / 5, abs=0.03)
    assert set(chosen) == set(range(5))
