"""Episodes of MJX on a CPU: those of the task, in the order of their seeds, close to MuJoCo's."""

from collections.abc import Iterator

import numpy as np
import pytest

from goalrelay.errors import TaskFailed, UsageError
from goalrelay.methods.acting import Acting, Weights
from goalrelay.train import config as experiments
from goalrelay.train.loop import Trainer
from goalrelay.types import Episode, Snapshot

pytest.importorskip("mujoco.mjx")

WORLDS = 4
AGREES = {"goalrelay/FetchReach-v0": 0.01, "goalrelay/FetchPush-v0": 0.02}
"""Largest distance of grip and object from those of MuJoCo after ten steps, m."""


def trainer(task: str) -> Trainer:
    settings = {
        "scale.physics": "mjx",
        "collect.episodes": WORLDS,
        "collect.threads": 1,
        "learner.hidden": (16,),
        "method.exploration.random": 0.5,
    }
    return Trainer(experiments.with_options(experiments.make("her", task, "td3"), settings))


@pytest.fixture(scope="module")
def run() -> Iterator[Trainer]:
    """One for all tests: the physics takes some twenty seconds to compile."""
    made = trainer("goalrelay/FetchReach-v0")
    yield made
    made.close()


def acting(run: Trainer, weights: Weights | None = None) -> Acting:
    return Acting(run.method, weights or run.policy().weights, Snapshot((), reached=(0.0,)))


def replayed(run: Trainer, episode: Episode, seed: int) -> Episode:
    """The same actions on MuJoCo."""
    actions = iter(episode.action)
    return run.collector.collect(lambda _: lambda _: next(actions), [seed], evaluation=True)[0]


def far_apart(run: Trainer, steps: int) -> float:
    """Largest distance from MuJoCo's grip or achieved goal, m."""
    worst = 0.0
    for seed, episode in enumerate(run.collector.collect(acting(run), range(4))):
        other = replayed(run, episode, seed)
        np.testing.assert_array_equal(episode.observation[0], other.observation[0])
        np.testing.assert_array_equal(episode.desired, other.desired)
        shown = ((episode.observation[:, :3], other.observation[:, :3]),)
        for one, two in (*shown, (episode.achieved, other.achieved)):
            worst = max(worst, np.linalg.norm((one - two)[: steps + 1], axis=1).max())
    return worst


def test_an_episode_depends_on_its_seed_alone_and_comes_in_the_order_of_the_seeds(run) -> None:
    seeds = [7, 3, 5, 11, 2, 13]
    together = run.collector.collect(acting(run), seeds)
    assert len(together) == 6
    for seed, episode in zip(seeds, together, strict=True):
        (alone,) = run.collector.collect(acting(run), [seed])
        for one, other in zip(episode, alone, strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(together[0].action, together[1].action)


def test_the_hand_moves_as_in_mujoco(run) -> None:
    assert far_apart(run, 10) < AGREES["goalrelay/FetchReach-v0"]


@pytest.mark.slow
def test_the_block_moves_as_in_mujoco() -> None:
    pushing = trainer("goalrelay/FetchPush-v0")
    assert far_apart(pushing, 10) < AGREES["goalrelay/FetchPush-v0"]
    pushing.close()


def test_rewards_and_success_are_those_of_what_is_achieved(run) -> None:
    for episode in run.collector.collect(acting(run), range(4)):
        gap = np.linalg.norm(episode.achieved - episode.desired, axis=1)[1:]
        assert episode.total_reward == -(gap > 0.05).sum()
        assert (episode.success, episode.success_ever) == (gap[-1] < 0.05, (gap < 0.05).any())
        assert episode.length == run.simulator.spec.horizon and not episode.terminal
        assert [a.dtype for a in episode[:4]] == [np.float32] * 4


def test_a_number_that_is_not_finite_is_a_failure_of_its_episode(run) -> None:
    weights = run.policy().weights
    actor = weights.actors[0]._replace(biases=tuple(b * np.nan for b in weights.actors[0].biases))
    bad, failures = acting(run, Weights("td3", (actor,), weights.moments)), list[TaskFailed]()
    assert run.collector.collect(bad, [1, 2], failed=failures.append) == []
    messages = [str(failure) for failure in failures]
    assert ["with seed 1, " in messages[0], "with seed 2, " in messages[1]] == [True, True]
    with pytest.raises(TaskFailed, match="became nan in the episode with seed 1, step"):
        run.collector.collect(bad, [1])


def test_another_task_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"--scale.physics mjx is for the tasks goalrelay/FetchR"):
        trainer("goalrelay/PointReach-v0")
