"""Which steps matter, and which of their later moments make the best hindsight goal.

    uniform   every step alike
    energy    Energy-Based Prioritization (Zhao and Tresp 2018, arXiv 1810.01363, eq. 1-9)
    moving    steps from which hindsight can learn: some later goal is not reached yet
    rare      goals first: an achieved goal that is rare in the replay, then a step before it

`energy` and `moving` weigh a step when it is stored; a step is drawn with probability in
proportion. `rare` draws pairs of a step and its goal, so that all places where the object has been
serve as goals equally often, the few moments in the air as much as the many on the table.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.replay import Replay
from goalrelay.types import Episode, Index, Reached, Spec

Name = Literal["uniform", "energy", "moving", "rare"]
Weigh = Callable[[Episode, Reached], np.ndarray]

GRAVITY, MASS, STEP_SECONDS = 9.81, 1.0, 0.04
"""EBP's constants, which its authors fixed for all Fetch tasks."""
CLIP_ENERGY = 0.5
"""Most energy that one step may add (EBP's value for the Fetch tasks)."""
BUCKETS = 1 << 20
"""Cells of goal space are counted in a hash table of this size."""
FACTORS = (73856093, 19349663, 83492791)
"""Multipliers of a spatial hash (Teschner et al. 2003), in turn for each dimension."""


def uniform(episode: Episode, reached: Reached) -> np.ndarray:
    """[L] ones."""
    return np.ones(episode.length, np.float32)


def energy(episode: Episode, reached: Reached) -> np.ndarray:
    """[L] the trajectory energy of the episode, at each of its steps.

    Energy is m g (z - z0) + m v^2 / 2 of every achieved position (metres, 25 steps a second); the
    trajectory energy is the sum over steps of its increase, clipped to [0, 0.5].
    """
    size = episode.achieved.shape[1]
    objects = 1 if size % 3 else size // 3  # a position and a rotation, or nothing but positions
    places = episode.achieved[:, : 3 * objects].reshape(-1, objects, 3)
    height = places[1:, :, 2] - places[0, :, 2]
    velocity = np.diff(places, axis=0) / STEP_SECONDS
    each = MASS * GRAVITY * height + 0.5 * MASS * np.square(velocity).sum(-1)
    total: np.ndarray = each.sum(-1)
    increase = np.diff(total, prepend=np.float32(0)).clip(0, CLIP_ENERGY)
    return np.full(episode.length, increase.sum(), np.float32)


def moving(episode: Episode, reached: Reached) -> np.ndarray:
    """[L] 1 where some later achieved goal is not reached yet, else 0.

    A step of which this is not so has only identical non-negative rewards (RHER's INNR).
    """
    steps = episode.length
    now = np.repeat(episode.achieved[1:], steps, axis=0)
    later = np.tile(episode.achieved[1:], (steps, 1))
    ahead = np.triu(~reached(now, later).reshape(steps, steps))
    return np.any(ahead, axis=1).astype(np.float32)


WEIGHTS: dict[str, Weigh] = {
    "uniform": uniform,
    "energy": energy,
    "moving": moving,
    "rare": uniform,
}
"""What each priority stores beside a step."""


def draw(
    name: Name,
    share: float,
    replay: Replay,
    count: int,
    reached: Reached,
    cell: float,
    columns: Sequence[int],
    rng: np.random.Generator,
) -> tuple[Index, np.ndarray]:
    """`count` steps, a share of them by a priority and the others uniformly.

    Args:
        name: the priority.
        share: of the steps drawn by it; they come first.
        replay: the facts.
        count: how many.
        reached: for `rare`, whether those columns of an achieved goal are as good as of another,
            to see whether they differ from the episode's first.
        cell: for `rare`, the size of a place in goal space, in the goal's units.
        columns: for `rare`, of the goal: those of one object.
        rng: decides.

    Returns:
        The steps [B], and for each the row of the hindsight goal that comes with it, -1 for none.
    """
    goals = np.full(count, -1)
    if name != "rare":
        return replay.sample(count, rng, share if name != "uniform" else 0.0), goals
    index = replay.sample(count, rng, 1.0)
    first = round(share * count)
    pairs = _rare(replay, first, reached, cell, list(columns), rng)
    if pairs is not None:
        chosen, goals[:first] = pairs
        for field, values in zip(index, chosen, strict=True):
            field[:first] = values
    return index, goals


def _rare(
    replay: Replay,
    count: int,
    reached: Reached,
    cell: float,
    columns: list[int],
    rng: np.random.Generator,
) -> tuple[Index, np.ndarray] | None:
    """Rare goals and a uniformly drawn step before each; None while nothing has moved.

    A moment's achieved goal is drawn in inverse proportion to how often its cell was visited,
    among those in the box of all goals that the task has asked for: not where things fall.
    """
    steps = replay.steps()
    moment = steps.row + 1
    everywhere = replay.achieved[:, columns]
    started = everywhere[steps.row - steps.time]
    wanted = replay.desired[steps.row[steps.time == 0]][:, columns]
    low, high = wanted.min(axis=0) - cell, wanted.max(axis=0) + cell
    achieved = everywhere[moment]
    within = ((achieved >= low) & (achieved <= high)).all(axis=1)
    moved = np.flatnonzero(within & ~reached(achieved, started))
    if not len(moved):
        return None
    visits = np.floor(achieved[moved] / cell).astype(np.int64)
    factors = np.resize(np.array(FACTORS), visits.shape[1])
    bucket = (visits * factors).sum(1) % BUCKETS
    mass = np.cumsum(1 / np.bincount(bucket, minlength=BUCKETS)[bucket])
    drawn = np.searchsorted(mass, rng.random(count) * mass[-1], side="right").clip(
        max=len(mass) - 1
    )
    goal = Index(*(field[moved[drawn]] for field in steps))
    time = rng.integers(0, goal.time + 1)
    return goal._replace(row=goal.row - goal.time + time, time=time), goal.row + 1


def check(name: Name, spec: Spec) -> None:
    """Refuse a priority that a task cannot have.

    Raises:
        UsageError: energy without a position in space.
    """
    if name == "energy" and spec.achieved_size < 3:
        raise UsageError(
            "--method.priority energy needs achieved goals that begin with a position x, y, z; "
            f"this task's have {spec.achieved_size} numbers"
        )
