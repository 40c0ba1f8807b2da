"""Shared by the tests of a hierarchy: random walks in a buffer, and HIRO without extensions."""

import dataclasses
from typing import Any

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.exploration import Exploration
from goalrelay.methods.hierarchy import Hierarchy
from goalrelay.methods.hierarchy.config import Config, Variant
from goalrelay.types import Batch, Episode, Network, Snapshot, Spec, Task

SPEC = Spec(4, 2, 2, 2, False, 13, None, position_columns=(0, 1), subgoal_range=(5.0, 2.0))
RANGE = np.array([5.0, 2.0], np.float32)
C, K, GAMMA = 5, 2, 0.9
"""Steps for which a sub-goal stands, its columns, and the discount of both levels."""
PLAIN = Config(
    Exploration(noise=0.2, random=0.3),
    subgoal_steps=C,
    egocentric=False,
    hindsight=0.0,
    high_hindsight=0.0,
    planner_weight=0.0,
    self_imitation=False,
    go_explore=0.0,
    variant=Variant(
        subgoal_noise=(0.1,),
        noise_correlation=0.0,
        mirror_augmentation=False,
        low_gamma=GAMMA,
        potential_shaping=False,
    ),
)


def plain(**options: Any) -> Config:
    """HIRO without correction and extensions, but for these options; a variant's by name too."""
    variant = {name: options.pop(name) for name in [*options] if hasattr(PLAIN.variant, name)}
    changed = dataclasses.replace(PLAIN.variant, **variant)
    return dataclasses.replace(PLAIN, variant=changed, **options)


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return -np.linalg.norm(achieved - desired, axis=-1).astype(np.float32)


def as_it_did(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    return ended


TASK = Task(SPEC, reward, as_it_did)


def linear(inputs: np.ndarray, *_: Any) -> np.ndarray:
    """A low level that depends on all it sees."""
    weights = np.linspace(-1, 1, inputs.shape[-1] * 2).reshape(-1, 2).astype("f")
    return np.tanh(inputs @ weights)


SNAPSHOT = Snapshot((linear, linear))


def constant(value: list[float]) -> Network:
    return lambda *_: np.array(value, np.float32)


def episode(rng: np.random.Generator, length: int, terminal: bool = False) -> Episode:
    draw = rng.standard_normal
    seen = np.cumsum(draw((length + 1, 4)), axis=0).astype("f")
    goal = np.tile(draw(2).astype("f"), (length + 1, 1))
    decided = np.concatenate([draw((length, 2)).clip(-1, 1), 2 * draw((length, K))], axis=1)
    return Episode(seen, seen[:, :2], goal, decided.astype("f"), terminal, 0.0, 0.0)


def filled(seed: int = 0, lengths: tuple[int, ...] = (13, 7, 5, 13, 1)) -> ReplayBuffer:
    """Random walks; the task ended those of 7 steps."""
    buffer, rng = ReplayBuffer(SPEC, 100, K), np.random.default_rng(seed)
    buffer.add([episode(rng, length, terminal=length == 7) for length in lengths])
    return buffer


def stored(buffer: ReplayBuffer) -> list[tuple[int, int, int, bool]]:
    """Row, time, length of the episode and whether the task ended it, for every step."""
    steps = zip(*buffer.steps()[:4], strict=True)
    return [(int(row), int(time), int(length), bool(ended)) for row, time, length, ended in steps]


def drawn(
    level: int,
    config: Config,
    buffer: ReplayBuffer,
    task: Task = TASK,
    snapshot: Snapshot = SNAPSHOT,
    shape: tuple[int, int] = (40, 50),
    seed: int = 0,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches of the low level, 0, or of the high level, 1."""
    chosen = Hierarchy(config, task, GAMMA).levels[level]
    return chosen.sample(buffer, snapshot, shape, np.random.default_rng(seed))


def transitions(batch: Batch) -> list[tuple[Any, ...]]:
    """Inputs, action, reward, discount and next inputs of each transition of a cycle."""
    fields = (batch.inputs, batch.action, batch.reward, batch.discount, batch.next_inputs)
    rows = (np.asarray(x).reshape(-1, *x.shape[2:]) for x in fields)
    return list(zip(*rows, strict=True))
