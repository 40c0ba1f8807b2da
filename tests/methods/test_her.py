"""Hindsight and flat: what a batch holds, and what acts."""

from typing import Any

import jax
import numpy as np
import pytest

from goalrelay import learners
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import WEIGHTS
from goalrelay.data.relabel import ends_as_it_did, stage_objective, whole
from goalrelay.data.rollout import rollout
from goalrelay.methods import find, flat, her, names
from goalrelay.methods.exploration import Exploration, random_action
from goalrelay.settings import options
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.types import Batch, Episode, Observation, RewardFunction, Snapshot, Spec, Task

GAMMA = 0.9
SPEC = Spec(2, 3, 3, 1, False, 6, (-1.0, 0.0))


def within(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return np.abs(achieved - desired).sum(-1) <= 1.0


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return within(achieved, desired).astype(np.float32) - 1


def at_goal(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """The terminal rule of a task that ends where it succeeds."""
    return within(achieved, desired)


def network(
    inputs: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
) -> np.ndarray:
    return np.tanh(inputs[..., :1])


TASK = Task(SPEC, reward, ends_as_it_did)
POLICY = Snapshot((network,))


def episode(number: int, length: int) -> Episode:
    """Observations say which step of which episode it is; every step pursues a goal of its own."""
    rng, steps = np.random.default_rng(number), np.arange(length + 1)
    return Episode(
        np.stack([np.full(length + 1, number), steps], axis=1).astype(np.float32),
        rng.uniform(-1, 1, (length + 1, 3)).astype(np.float32),
        rng.uniform(-1, 1, (length + 1, 3)).astype(np.float32),
        rng.uniform(-1, 1, (length, 1)).astype(np.float32),
        number % 2 == 0,
        0.0,
        -1.0,
    )


def plain(**options: Any) -> her.Config:
    """Hindsight as published, but for these options."""
    published: dict[str, Any] = {"actual": 0.0, "priority": "uniform", "goal_frame": "world"}
    return her.Config(**published | options)


def filled(demonstrated: bool = False) -> ReplayBuffer:
    buffer = ReplayBuffer(SPEC, 1000, demonstrated=demonstrated)
    buffer.add([episode(number, length) for number, length in enumerate((5, 6, 4))])
    return buffer


def sampled(
    config: her.Config,
    task: Task = TASK,
    buffer: ReplayBuffer | None = None,
    count: int = 60,
) -> Batch:
    """One batch."""
    method, rng = her.Her(config, task, GAMMA), np.random.default_rng(0)
    batch, _ = method.sample(buffer or filled(), POLICY, (1, count), rng)
    return jax.tree.map(lambda x: x[0], batch)


def row_of(buffer: ReplayBuffer, inputs: np.ndarray) -> int:
    """The stored row of which a network input tells."""
    return int(np.flatnonzero((buffer.observation == inputs[:2]).all(1))[0])


def test_a_batch_is_a_cycle_of_single_precision_batches_drawn_apart() -> None:
    method = her.Her(plain(), TASK, GAMMA)
    batch, figures = method.sample(filled(), POLICY, (3, 40), np.random.default_rng(0))
    assert {x.dtype for x in jax.tree.leaves(batch)} == {np.dtype(np.float32)}
    assert batch.inputs.shape == batch.next_inputs.shape == (3, 40, 5)
    assert batch.action.shape == (3, 40, 1)
    assert batch.reward.shape == batch.discount.shape == (3, 40)
    assert not np.array_equal(batch.inputs[0], batch.inputs[1])
    assert set(figures) == set(her.Her.FIGURES)


@pytest.mark.parametrize("strategy", ["future", "final", "episode", "none"])
def test_a_step_lies_beside_the_goal_under_which_it_is_rewarded(strategy: Any) -> None:
    buffer = filled()
    batch = sampled(plain(strategy=strategy), buffer=buffer, count=300)
    relabelled = []
    for i in range(300):
        row = row_of(buffer, batch.inputs[i])
        goal, next_goal = batch.inputs[i, 2:], batch.next_inputs[i, 2:]
        np.testing.assert_array_equal(batch.next_inputs[i, :2], buffer.observation[row + 1])
        np.testing.assert_array_equal(batch.action[i], buffer.action[row])
        own = (goal == buffer.desired[row]).all()
        relabelled.append(not own)
        expected = buffer.desired[row + 1] if own else goal  # the task moves its own goals
        np.testing.assert_array_equal(next_goal, expected)
        ended = row + 1 in (5, 17)  # the task ended episodes 0 and 2, the time limit episode 1
        paid = reward(buffer.achieved[row + 1], next_goal)
        if ended and strategy != "none" and not (buffer.achieved[row + 1] == next_goal).all():
            paid = paid / (1 - GAMMA)  # they did not succeed
        assert batch.reward[i] == pytest.approx(paid, rel=1e-6)
        assert batch.discount[i] == (0 if ended else np.float32(GAMMA))
        if not own:
            number = int(batch.inputs[i, 0])
            achieved = buffer.achieved[buffer.observation[:, 0] == number]
            assert (achieved == goal).all(1).any(), "achieved in the same episode"
    assert np.mean(relabelled) == pytest.approx(0 if strategy == "none" else 0.8, abs=0.07)


@pytest.mark.parametrize(("k", "share"), [(0, 0.0), (1, 0.5), (4, 0.8), (9, 0.9)])
def test_k_hindsight_goals_for_each_pursued_one(k: float, share: float) -> None:
    buffer = filled()
    batch = sampled(plain(k=k), buffer=buffer, count=4000)
    pursued = [(goal == buffer.desired).all(1).any() for goal in batch.inputs[:, 2:]]
    assert 1 - np.mean(pursued) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("actual", [0.0, 0.5, 1.0])
def test_a_fraction_of_the_goals_is_of_other_stored_steps(actual: float) -> None:
    buffer = filled()
    batch = sampled(plain(actual=actual, k=1e9), buffer=buffer, count=4000)
    pursued = [(goal == buffer.desired).all(1).any() for goal in batch.inputs[:, 2:]]
    assert np.mean(pursued) == pytest.approx(actual, abs=0.03)
    own = [(inputs[2:] == buffer.desired[row_of(buffer, inputs)]).all() for inputs in batch.inputs]
    assert np.mean(own) == pytest.approx(actual / 15, abs=0.02)  # one of 15 steps


def test_statistics_count_observations_and_relabelled_goals() -> None:
    buffer = filled()
    steps = buffer.sample(4000, np.random.default_rng(0))
    inputs = her.Her(plain(), TASK, GAMMA).inputs(buffer, steps, np.random.default_rng(1))
    np.testing.assert_array_equal(inputs[:, :2], buffer.observation[steps.row])
    kept = (inputs[:, 2:] == buffer.desired[steps.row]).all(1)
    assert kept.mean() == pytest.approx(0.2, abs=0.03)


# --- rewards and ends ---

UNPROMISED: dict[str, RewardFunction] = {
    "-1 and 0": reward,
    "0 and 1": lambda achieved, desired: within(achieved, desired).astype(np.float32),
    "False and True": within,
    "-2 and -1": lambda achieved, desired: reward(achieved, desired) - 1,
    "less, the higher the goal": lambda achieved, desired: (
        within(achieved, desired) / (1 + np.abs(desired).sum(-1, dtype=np.float32))
    ),
}
"""Rewards of a task that promises no range; all are best within a distance of 1."""


@pytest.mark.parametrize("rewards", UNPROMISED.values(), ids=UNPROMISED)
def test_what_asks_whether_goals_are_reached_does_not_depend_on_the_sign(
    rewards: RewardFunction,
) -> None:
    buffer = filled(demonstrated=True)
    unpromised = TASK._replace(spec=SPEC._replace(reward_range=None), reward=rewards)
    config = plain(strategy="episode", priority="inverse-density")
    (usual, figures), (batch, others) = (
        her.Her(config, task, GAMMA).sample(buffer, POLICY, (1, 400), np.random.default_rng(0))
        for task in (TASK, unpromised)
    )
    np.testing.assert_array_equal(batch.inputs, usual.inputs)
    np.testing.assert_array_equal(batch.demonstrated, usual.demonstrated)
    assert 0 < usual.demonstrated.mean() < 1
    assert others == figures
    assert 0 < figures["innr"] < 1
    one = episode(1, 6)
    usual_weight, weight = (
        WEIGHTS["innr"](one, stage_objective(task, whole(SPEC), GAMMA).success)
        for task in (TASK, unpromised)
    )
    np.testing.assert_array_equal(weight, usual_weight)
    assert set(usual_weight) == {0, 1}


def test_a_step_that_reaches_its_new_goal_ends_where_the_task_says_so() -> None:
    batch = sampled(plain(k=1e9), TASK._replace(terminal=at_goal))
    np.testing.assert_array_equal(batch.discount, np.where(batch.reward == 0, 0.0, 0.9).astype("f"))
    assert 0 < (batch.reward == 0).mean() < 1


def of_task(task_id: str, episodes: int) -> tuple[Task, ReplayBuffer]:
    simulator = open_task(task_id)
    buffer = ReplayBuffer(simulator.spec, 1000)
    for seed in range(episodes):
        act = rollout(simulator, lambda rng: lambda _: random_action(simulator.spec, rng), seed)
        buffer.add([act])
    return simulator.task, buffer


def test_a_task_with_a_batched_terminal_rule_is_asked_where_it_would_have_ended() -> None:
    task, buffer = of_task("goalrelay/BitFlip-v0", 4)
    assert not buffer.steps().last_terminal.any()  # twelve bits are not matched by chance
    batch = sampled(plain(k=1e9), task, buffer, 500)
    there = (batch.next_inputs[:, :12] == batch.next_inputs[:, 12:]).all(1)
    np.testing.assert_array_equal(batch.discount, np.where(there, 0.0, 0.9).astype("f"))
    np.testing.assert_array_equal(batch.reward, np.where(there, 0.0, -1.0))
    assert 0 < there.mean() < 1


def test_a_task_without_one_goes_on_past_a_goal_it_reaches() -> None:
    task, buffer = of_task("goalrelay/PointReach-v0", 2)
    batch = sampled(plain(k=1e9), task, buffer, 500)
    assert (batch.reward == 0).any()
    np.testing.assert_array_equal(batch.discount, np.full(500, 0.9, "f"))


# --- flat ---


def test_without_hindsight_every_goal_is_the_one_that_was_shown() -> None:
    buffer = filled()
    method = flat.Flat(flat.Config(), TASK, GAMMA)
    batch, figures = method.sample(buffer, POLICY, (1, 200), np.random.default_rng(0))
    assert not figures
    for inputs, after in zip(batch.inputs[0], batch.next_inputs[0], strict=True):
        row = row_of(buffer, inputs)
        np.testing.assert_array_equal(inputs[2:], buffer.desired[row])
        np.testing.assert_array_equal(after[2:], buffer.desired[row + 1])
    steps = buffer.steps()
    counted = method.inputs(buffer, steps, np.random.default_rng(1))
    np.testing.assert_array_equal(counted[:, 2:], buffer.desired[steps.row])


def test_rewards_of_a_task_without_goals_are_those_that_it_gave() -> None:
    simulator = open_task("Pendulum-v1")
    buffer = ReplayBuffer(simulator.spec, 1000)
    one = rollout(simulator, lambda rng: lambda _: random_action(simulator.spec, rng), 0)
    buffer.add([one])
    method = flat.Flat(flat.Config(), simulator.task, GAMMA)
    batch, _ = method.sample(buffer, POLICY, (1, 100), np.random.default_rng(0))
    assert batch.inputs.shape == (1, 100, 3)
    rewards = dict(zip(map(bytes, one.observation[:-1]), one.achieved[1:, 0], strict=True))
    expected = [rewards[bytes(inputs)] for inputs in batch.inputs[0]]
    np.testing.assert_array_equal(batch.reward[0], expected)
    assert sum(rewards.values()) == pytest.approx(one.total_reward, rel=1e-4)


def test_flat_has_no_options_of_hindsight() -> None:
    assert [name for name, _, _ in options(flat.Config())] == [
        name for name, _, _ in options(Exploration(), "exploration.")
    ]


# --- what acts ---

NOW = Observation(np.array([0.5, 2.0], "f"), np.zeros(3, "f"), np.array([1.0, 2.0, 3.0], "f"))
QUIET = Exploration(noise=0.0, random=0.0)


@pytest.mark.parametrize(
    "method",
    [
        her.Her(plain(exploration=QUIET), TASK, GAMMA),
        flat.Flat(flat.Config(exploration=QUIET), TASK, GAMMA),
    ],
    ids=["her", "flat"],
)
def test_the_network_is_asked_for_the_goal_that_is_shown(method: her.Her) -> None:
    asked = []

    def network(
        inputs: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
    ) -> np.ndarray:
        asked.append((inputs, rng is not None))
        return np.array([0.25], np.float32)

    for rng in (None, np.random.default_rng(0)):
        assert method.act(Snapshot((network,)), rng)(NOW) == 0.25
    for (inputs, stochastic), expected in zip(asked, (False, True), strict=True):
        np.testing.assert_array_equal(inputs, [0.5, 2, 1, 2, 3])
        assert stochastic == expected
    act = method.act(Snapshot((network,), random=True), np.random.default_rng(0))
    assert len({float(act(NOW)[0]) for _ in range(50)}) == 50
    assert len(asked) == 2, "random steps ask no network"


# --- presets ---


@pytest.mark.parametrize("method", names())
def test_presets_set_options_that_exist(method: str) -> None:
    for name, preset in find(method).PRESETS.items():
        experiment = experiments.make(method, "any", preset=name)
        found = {option: value for option, _, value in options(experiment)}
        of_others = {
            option
            for learner in learners.names()
            for option, _, _ in options(experiments.make(method, "any", learner))
        }
        for option, value in preset.settings.items():
            assert option in of_others, f"{name}: {option}"
            assert found.get(option, value) == value, f"{name}: {option}"
