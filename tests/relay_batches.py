"""Relay on two small tasks, for tests: configurations, buffers, and what a batch tells of itself.

On `CARRY_TASK` every stored step has its row in its action, so that a batch tells which steps it
holds. On `BLOCKS_TASK` all observations are drawn at random.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import ends_as_it_did
from goalrelay.data.rollout import rollout
from goalrelay.methods.exploration import Exploration, random_action
from goalrelay.methods.relay import Relay
from goalrelay.methods.relay.config import Config, GuidanceConfig, Variant
from goalrelay.settings import replace_at
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Batch, Columns, Observation, Snapshot, Stage, Task
from relay_task import CARRY, NEAR
from two_blocks import FLIP, SPEC, episode, observe, reward

GAMMA = 0.9
SEEN, GOAL, STAGES = 6, 2, 2
"""Of Carry: sizes of observation and goal, number of stages."""
SIMULATOR = open_task(CARRY)


def by_blocks(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """Not a straight distance, so that it cannot be taken for a stage's."""
    return -(np.abs(achieved - desired).sum(-1) > 0.4).astype(np.float32)


CARRY_TASK = Task(SIMULATOR.spec, by_blocks, ends_as_it_did, SIMULATOR.symmetries)
BLOCKS_TASK = Task(SPEC, reward, ends_as_it_did, (FLIP,))

RELATIVE = Config(
    exploration=Exploration(),
    actual=0.0,
    priority="uniform",
    symmetry_augmentation=(),
    stage_weights="equal",
    guidance=GuidanceConfig(anneal=0.0, imitation=0.0),
    variant=Variant(prioritized_fraction=1.0, earlier_goals_hold=0.0, evaluated="last"),
)
"""Goals relative to what must move, nothing else added to RHER."""


def changed(config: Config, **options: Any) -> Config:
    """The configuration with options changed, `guidance__anneal=0` for `guidance.anneal`."""
    for name, value in options.items():
        config = replace_at(config, name.replace("__", "."), value)
    return config


WORLD = changed(RELATIVE, variant__goal_frame="world", translation_invariant=False)
"""Goals in the world frame, nothing hidden, and a stage indicator."""
PAPER_INPUTS = changed(WORLD, variant__stage_indicator=False)
"""What RHER shows: observation and zero-padded goals."""


def still(
    inputs: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
) -> np.ndarray:
    """A policy that does nothing."""
    return np.zeros((*inputs.shape[:-1], 2), np.float32)


START = Snapshot((still,))


def relay(config: Config, task: Task = CARRY_TASK) -> Relay:
    return Relay(config, task, GAMMA)


def carry(rng: np.random.Generator) -> Callable[[Observation], np.ndarray]:
    """Brings the hand to the block, and then the block anywhere."""

    def act(observation: Observation) -> np.ndarray:
        missing = observation.observation[4:6]
        near = np.linalg.norm(missing) < NEAR
        return random_action(SIMULATOR.spec, rng) if near else (5 * missing).clip(-1, 1)

    return act


def numbered(count: int = 6) -> ReplayBuffer:
    """Episodes of unequal length, goals that move; the first action of a step is its row / 1000."""
    buffer, row = ReplayBuffer(SIMULATOR.spec, 1000), 0
    for seed in range(count):
        whole = rollout(SIMULATOR, carry, seed)
        length = int(np.random.default_rng(seed).integers(4, 13))
        drift = 0.02 * np.arange(13)[:, None]
        action = whole.action[:length].copy()
        action[:, 0] = (row + np.arange(length)) / 1000
        kept = slice(length + 1)
        part = whole._replace(
            observation=whole.observation[kept],
            achieved=whole.achieved[kept],
            desired=(whole.desired + drift)[kept],
            action=action,
            terminal=seed % 2 == 0,
        )
        buffer.add([part])
        row += length + 1
    return buffer


def blocks(count: int = 30, demonstrated: bool = False) -> ReplayBuffer:
    """Episodes of `BLOCKS_TASK`, all of one length; no two steps have the same action."""
    buffer = ReplayBuffer(SPEC, 1000, demonstrated=demonstrated)
    buffer.add([episode(seed) for seed in range(count)])
    return buffer


def sampled(
    config: Config,
    shape: tuple[int, int] = (4, 60),
    seed: int = 0,
    buffer: ReplayBuffer | None = None,
    snapshot: Snapshot = START,
) -> Batch:
    """A cycle of batches of Carry."""
    buffer = buffer or numbered()
    return relay(config).sample(buffer, snapshot, shape, np.random.default_rng(seed))[0]


def sampled_blocks(
    config: Config,
    shape: tuple[int, int],
    buffer: ReplayBuffer | None = None,
    snapshot: Snapshot = START,
) -> Batch:
    """A cycle of batches of two blocks."""
    buffer = buffer or blocks()
    method = relay(config, BLOCKS_TASK)
    return method.sample(buffer, snapshot, shape, np.random.default_rng(0))[0]


def steps_of(batch: Batch) -> list[Batch]:
    """The single steps of a cycle."""
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
    return [jax.tree.map(lambda x, i=i: x[i], flat) for i in range(len(flat.reward))]


def row_of(step: Batch) -> int:
    return round(1000 * float(step.action[0]))


def stage_of(step: Batch) -> int:
    """Of inputs of Carry that end with the stage indicator."""
    return int(np.flatnonzero(step.inputs[-STAGES:])[0])


def slot_of(stage: int) -> slice:
    """The inputs of Carry that hold the goal of a stage."""
    return slice(SEEN + stage * GOAL, SEEN + (stage + 1) * GOAL)


def of_blocks(buffer: ReplayBuffer, stage: int, row: int) -> tuple[list[float], list[float]]:
    """What the constraints of a stage of two blocks achieve and desire at a row, written out."""
    hand, places, wanted = buffer.observation[row, 0], buffer.achieved[row], buffer.desired[row]
    return [
        ([hand], [places[0]]),
        ([places[0]], [wanted[0]]),
        ([hand, places[0]], [places[1], wanted[0]]),
        ([places[1], places[0]], [wanted[1], wanted[0]]),
    ][stage]


def good(stage: int, achieved: list[float], goal: list[float]) -> bool:
    """Whether a stage of two blocks is rewarded."""
    limits = [(0.1,), (0.1,), (0.1, 0.1), (0.05, 0.1)][stage]  # the task is stricter about block 1
    gaps = np.abs(np.array(achieved) - np.array(goal))
    return all(gap <= limit for gap, limit in zip(gaps, limits, strict=True))


# --- where the robot and the objects are ---


def stage(name: str, column: int, switch: float = 0.1) -> Stage:
    """A stage that is as far from its goal as the column of the observation says."""
    achieved, desired = Columns("observation", (column,)), Columns("desired_goal", (0,))
    return Stage(name, achieved, desired, 0.1, switch)


THREE = tuple(stage(name, column) for column, name in enumerate("abc"))


def away(*distances: float) -> Observation:
    goal = np.zeros(1, np.float32)
    return Observation(np.array(distances, np.float32), goal, goal)


def at(hand: float, places: tuple[float, float], goals: tuple[float, float]) -> Observation:
    achieved = np.array(places, np.float32)
    return Observation(observe(np.array(hand), achieved), achieved, np.array(goals, np.float32))


FAR_FROM_ALL = at(0.0, (0.5, -0.5), (0.9, -0.9))
AT_FIRST = at(0.5, (0.5, -0.5), (0.9, -0.9))
FIRST_DONE = at(0.9, (0.9, -0.5), (0.9, -0.9))
AT_SECOND = at(-0.5, (0.9, -0.5), (0.9, -0.9))
ALL_DONE = at(-0.5, (0.9, -0.9), (0.9, -0.9))
FIRST_LOST = at(-0.5, (0.7, -0.9), (0.9, -0.9))
