"""Who decides what in an episode: sub-goals, their noise, random steps, Go-Explore."""

from typing import Any

import numpy as np
import pytest
from random_walks import RANGE, SPEC, TASK, constant, plain

from goalrelay.methods.exploration import Exploration
from goalrelay.methods.hierarchy import Hierarchy
from goalrelay.methods.hierarchy.config import Config
from goalrelay.types import Network, Observation, Snapshot

STILL = Exploration(noise=0.3, random=0.0)


def walk(steps: int) -> list[Observation]:
    rng = np.random.default_rng(3)
    goal = np.array([3.0, 4.0], "f")
    seen = [rng.standard_normal(4).astype("f") for _ in range(steps)]
    return [Observation(x, x[:2], goal) for x in seen]


def decisions(
    config: Config, low: Network, high: Network, path: list[Observation], seed: int | None = None,
    random: bool = False,
) -> np.ndarray:  # fmt: skip
    """Action and sub-goal at each timestep; of training with a seed, of evaluation without."""
    method = Hierarchy(config, TASK, 0.9)
    rng = None if seed is None else np.random.default_rng(seed)
    act = method.act(Snapshot((low, high), random=random), rng)
    return np.stack([act(observation) for observation in path])


def test_a_sub_goal_keeps_its_place_until_the_next_is_set() -> None:
    path = walk(12)
    found = decisions(plain(), constant([0.5, -0.5]), constant([0.2, -1.0]), path)
    np.testing.assert_array_equal(found[:, :2], np.tile([0.5, -0.5], (12, 1)).astype("f"))
    positions = np.stack([o.observation[:2] for o in path])
    asked = positions + found[:, 2:]
    for first in (0, 5, 10):
        wanted = positions[first] + np.array([0.2, -1.0]) * RANGE
        some = asked[first : first + 5]
        np.testing.assert_allclose(some, np.tile(wanted, (len(some), 1)), atol=1e-5)


def test_each_level_sees_what_it_should() -> None:
    inputs: dict[str, np.ndarray] = {}

    def note(name: str, value: list[float]) -> Network:
        def network(shown: np.ndarray, *_: Any) -> np.ndarray:
            inputs[name] = shown
            return np.array(value, np.float32)

        return network

    low, high, (now,) = note("low", [0, 0]), note("high", [1, 1]), walk(1)
    decisions(plain(), low, high, [now])
    np.testing.assert_array_equal(inputs["high"], [*now.observation, *now.desired])
    np.testing.assert_array_equal(inputs["low"], [*now.observation[2:], 5.0, 2.0])
    decisions(plain(hide_position=False), low, high, [now])
    np.testing.assert_array_equal(inputs["low"], [*now.observation, 5.0, 2.0])


def many(config: Config, random: bool = False) -> np.ndarray:
    """6,000 decisions in one place, where both policies say 0."""
    zero = constant([0.0, 0.0])
    return decisions(config, zero, zero, walk(1) * 6000, 1, random)


def test_noise_on_sub_goals_is_in_their_units_and_within_their_range() -> None:
    found = many(plain(subgoal_steps=1, subgoal_noise=(0.1, 0.05), exploration=STILL))
    np.testing.assert_allclose(found[:, 2:].std(axis=0), [0.5, 0.1], rtol=0.05)
    np.testing.assert_allclose(found[:, :2].std(axis=0), 0.3, rtol=0.05)
    wild = many(plain(subgoal_steps=1, subgoal_noise=(10.0,), exploration=STILL))
    np.testing.assert_allclose(np.abs(wild[:, 2:]).max(axis=0), RANGE)


def test_correlated_noise_has_the_same_deviation() -> None:
    options: dict[str, Any] = {"subgoal_steps": 1, "subgoal_noise": (0.04,), "exploration": STILL}
    found = many(plain(noise_correlation=0.8, **options))[:, 2]
    assert found.std() == pytest.approx(0.2, rel=0.1)
    assert np.corrcoef(found[:-1], found[1:])[0, 1] == pytest.approx(0.8, abs=0.05)
    fresh = many(plain(noise_correlation=0.0, **options))[:, 2]
    assert np.corrcoef(fresh[:-1], fresh[1:])[0, 1] == pytest.approx(0.0, abs=0.05)


def test_noise_shrinks_as_success_grows() -> None:
    config = plain(exploration=Exploration(noise=0.3, random=0.4, anneal=1.0), subgoal_steps=1)
    zero, (now,) = constant([0.0, 0.0]), walk(1)
    method = Hierarchy(config, TASK, 0.9)
    act = method.act(Snapshot((zero, zero), success=1.0), np.random.default_rng(0))
    found = np.stack([act(now) for _ in range(1000)])
    np.testing.assert_array_equal(found[:, :2], 0)
    assert (np.abs(found[:, 2:]) < 0.6 * RANGE).all()  # no random ones, which are up to 1


def test_an_evaluation_has_no_noise() -> None:
    config = plain(exploration=Exploration(noise=1.0, random=1.0), go_explore=1.0, subgoal_steps=1)
    path = walk(20)
    found = decisions(config, constant([0.5, 0.5]), constant([0.5, -0.5]), path)
    np.testing.assert_allclose(found, np.tile([0.5, 0.5, 2.5, -1.0], (20, 1)))


def test_random_steps_are_uniform_on_both_levels() -> None:
    found = many(plain(subgoal_steps=1), random=True)
    limits = np.array([1, 1, 5, 2])
    np.testing.assert_allclose(found.std(axis=0), limits / np.sqrt(3), rtol=0.05)
    assert (np.abs(found) <= limits).all()


def test_random_sub_goals_come_in_their_share() -> None:
    exploration = Exploration(random=0.25)
    found = many(plain(subgoal_steps=1, subgoal_noise=(0.0,), exploration=exploration))[:, 2:]
    assert (found != 0).any(axis=1).mean() == pytest.approx(0.25, abs=0.02)
    assert np.abs(found).max(axis=0) == pytest.approx([5.0, 2.0], rel=0.05)


def test_go_explore_follows_the_policy_to_some_step_and_explores_from_there() -> None:
    config = plain(
        subgoal_steps=1, subgoal_noise=(0.3,), go_explore=0.5, exploration=Exploration(random=0.1)
    )
    low, high, path = constant([0.0, 0.0]), constant([0.5, 0.5]), walk(SPEC.horizon)
    followed, first = [], []
    for seed in range(400):
        subgoals = decisions(config, low, high, path, seed)[:, 2:]
        by_policy = (subgoals == [2.5, 1.0]).all(axis=1)  # elsewhere every one has noise
        assert (np.diff(by_policy.astype(int)) <= 0).all()  # it does not come back
        followed.append(int(by_policy.sum()))
        if by_policy[0]:
            first.append(subgoals[followed[-1], 0])
    share = 0.5 * (1 - 1 / SPEC.horizon)  # some explore from the start
    assert np.mean(np.array(followed) > 0) == pytest.approx(share, abs=0.08)
    assert set(followed) == set(range(SPEC.horizon))  # any step
    assert np.mean(np.abs(first) == 5) == pytest.approx(0.32, abs=0.08)  # beyond one deviation
