"""The low level: a step for the sake of a sub-goal, rewarded for how near it gets.

reward    -|s + g - s'|            in the sub-goal's columns; shaped, the way that was gained
inputs    the observation without its place, and g; in the body's axes, where the task declares one
next g    the same place, though a new one may be due (`Config.bootstrap`)
end       where the task is over, one stays for ever: to end it is no way to be nearer
"""

import numpy as np

from goalrelay.methods.hiro import egocentric
from goalrelay.methods.hiro.config import Config, about_places, columns
from goalrelay.relabel import Rules
from goalrelay.replay import Replay
from goalrelay.symmetry import half, of_columns
from goalrelay.types import Batch, Index, Spec, Symmetry


def learned(config: Config, spec: Spec) -> Spec:
    """The task's actions; its rewards are distances, without a bound."""
    return spec._replace(reward_range=None)


def input_size(config: Config, spec: Spec) -> int:
    """What is seen of the observation, and the sub-goal."""
    body = egocentric.low_axes(config, spec)
    told = len(columns(config, spec)) if body is None else egocentric.size(body)
    return len(_visible(config, spec)) + told


def normalized(config: Config, spec: Spec) -> np.ndarray:
    """All inputs."""
    return np.ones(input_size(config, spec), bool)


def seen(config: Config, spec: Spec, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
    """The low level's inputs: [..., O], [..., K] -> [..., D]."""
    body = egocentric.low_axes(config, spec)
    told = subgoal if body is None else egocentric.view(body, observation, subgoal)
    return np.concatenate([observation[..., _visible(config, spec)], told], axis=-1)


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B], a share of the sub-goals in hindsight."""
    spec, index = rules.spec, replay.sample(shape[0] * shape[1], rng)
    size, chosen = spec.action_size, columns(config, spec)
    decided = replay.action[index.row]
    now, after = replay.observation[index.row], replay.observation[index.row + 1]
    here, there = now[:, chosen], after[:, chosen]
    subgoal = decided[:, size:]
    last = index.time + 1 == index.length  # there is no decision after it
    next_subgoal = here + subgoal - there
    if config.bootstrap == "next":
        follows = replay.action[index.row + ~last][:, size:]
        next_subgoal = np.where(last[:, None], next_subgoal, follows)
    reached = rng.random(len(here)) < config.hindsight
    left = np.minimum(config.period - index.time % config.period, index.length - index.time)
    wanted = replay.observation[index.row + rng.integers(1, left + 1)][:, chosen]
    subgoal = np.where(reached[:, None], wanted - here, subgoal)
    next_subgoal = np.where(reached[:, None], wanted - there, next_subgoal)
    missed = np.linalg.norm(here + subgoal - there, axis=1)
    gamma = rules.gamma if config.low_gamma is None else config.low_gamma
    over = last & index.last_terminal
    reward = -missed * np.where(over, 1 / (1 - gamma), 1)
    if config.shaped:
        reward = _shaped(gamma, missed, subgoal, next_subgoal)
    action = decided[:, :size]
    for symmetry in _mirrors(config, spec):
        places = of_columns(symmetry.observation, spec.absolute)
        changes = (symmetry.observation,) * 2 + (places,) * 2 + (symmetry.action,)
        half((now, after, subgoal, next_subgoal, action), changes, rng)
    batch = (
        seen(config, spec, now, subgoal),
        action,
        reward.astype(np.float32),
        np.full(len(here), gamma, np.float32) * ~over,
        seen(config, spec, after, next_subgoal),
    )
    figures = {"missed": float(missed[~reached].mean()) if not reached.all() else float("nan")}
    return Batch(*(x.reshape(*shape, *x.shape[1:]) for x in batch)), figures


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """The inputs of steps [N], with the sub-goals that they had."""
    subgoal = replay.action[index.row][:, rules.spec.action_size :]
    return seen(config, rules.spec, replay.observation[index.row], subgoal)


def _shaped(
    gamma: float, missed: np.ndarray, subgoal: np.ndarray, next_subgoal: np.ndarray
) -> np.ndarray:
    """The reward -missed, shaped by -|g| / (1 - gamma) (Ng et al. 1999) and in metres again.

    To stay somewhere is worth nothing then, so nothing is added where the task is over.
    """
    before, ahead = (np.linalg.norm(goal, axis=1) for goal in (subgoal, next_subgoal))
    return before - gamma * ahead - (1 - gamma) * missed


def _visible(config: Config, spec: Spec) -> list[int]:
    """Columns that are seen as they are."""
    hidden = set(spec.absolute) if config.hide else set[int]()
    return egocentric.others(egocentric.low_axes(config, spec), spec, hidden)


def _mirrors(config: Config, spec: Spec) -> tuple[Symmetry, ...]:
    """Images from which the low level learns: it must see nothing but the robot."""
    alone = config.hide and about_places(config, spec)
    return spec.body.symmetries if spec.body and config.mirrored and alone else ()
