"""The replay buffer, a ring of whole episodes: add, sample -> Steps, read, save, restore.

Episodes are stored one after the other in preallocated rows. An episode of L steps takes L + 1
rows; the last row is the timestep after its last step. So the next timestep is `row + 1`, any other
timestep of the episode is `row + offset`, and relabelling is one index expression. When all rows
are used, new episodes overwrite the oldest. Sampling returns an index and copies nothing. Rewards
are not stored (design law 1).
"""

from collections.abc import Sequence

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import Columns, Episode, Spec, Steps


class ReplayBuffer:
    """A ring of episodes; its arrays are [rows, size].

    Args:
        spec: of the task.
        capacity: number of transitions.
        extra_action_size: numbers stored with each action (a hierarchy's sub-goal).
        demonstrated: whether its episodes are demonstrations.

    Raises:
        UsageError: the capacity is less than one episode, or more than the memory.
    """

    def __init__(
        self, spec: Spec, capacity: int, extra_action_size: int = 0, demonstrated: bool = False
    ):
        if capacity < spec.horizon:
            raise UsageError(
                f"--replay.capacity must hold one episode, at least {spec.horizon}, got {capacity}"
            )
        rows = capacity + -(-capacity // spec.horizon)  # one extra row an episode
        action_shape = () if spec.discrete else (spec.action_size + extra_action_size,)
        self.demonstrated = demonstrated
        self._capacity, self._action_size = capacity, spec.action_size
        try:  # zeros take memory only when written to
            self.observation = np.zeros((rows, spec.observation_size), np.float32)
            self.achieved = np.zeros((rows, spec.achieved_size), np.float32)
            self.desired = np.zeros((rows, spec.goal_size), np.float32)
            self.image = np.zeros((rows if spec.image else 0, *spec.image), np.uint8)
            self.action = np.zeros((rows, *action_shape), np.int32 if spec.discrete else np.float32)
            self.weight = np.zeros(rows, np.float32)  # 0 in rows that hold no step
            self.failed = np.zeros(rows, bool)
            """[rows] whether the task ended an episode at this timestep without success"""
        except (MemoryError, ValueError):  # ValueError: more than an array can ever have
            raise UsageError(f"--replay.capacity {capacity} does not fit in memory") from None
        self._names = ("observation", "achieved", "desired", "action", "weight", "failed")
        if spec.image:
            self._names += ("image",)
        # Of each stored episode, oldest first [E]: first row, steps, whether the task ended it.
        self._start = np.zeros(0, np.int64)
        self._length = np.zeros(0, np.int64)
        self._terminal = np.zeros(0, bool)
        self._steps_before = np.zeros(1, np.int64)  # [E + 1] steps in all earlier episodes
        self._next_row = 0
        self.added = 0
        """Number of episodes that were ever added, for what is kept about rows outside."""

    @property
    def episodes(self) -> int:
        """Number of stored episodes."""
        return len(self._start)

    @property
    def transitions(self) -> int:
        """Number of stored transitions."""
        return int(self._steps_before[-1])

    @property
    def bytes(self) -> int:
        """Memory of all rows, in bytes."""
        return sum(getattr(self, name).nbytes for name in self._names)

    def add(
        self, episodes: Sequence[Episode], weights: Sequence[np.ndarray] | None = None
    ) -> Steps:
        """Store finished episodes; returns the index of all their steps, in order.

        Args:
            episodes: finished episodes.
            weights: [L] for each episode, sampling weights of its steps (see `priority`); equal
                weights by default.
        """
        for i, episode in enumerate(episodes):
            equal = np.ones(episode.length, np.float32)
            self._add(episode, equal if weights is None else weights[i])
        return self._steps_of(np.arange(self.episodes - len(episodes), self.episodes))

    def _add(self, episode: Episode, weight: np.ndarray) -> None:
        length, rows = episode.length, len(self.observation)
        start = self._next_row if self._next_row + length + 1 <= rows else 0
        end = start + length + 1
        # [E] bool: the episodes in rows [start, end), which are overwritten; they are the oldest.
        overlap = (self._start < end) & (self._start + self._length >= start)
        # At the start of a new lap, episodes in the unused rows at the end are the oldest too.
        if start < self._next_row:
            overlap |= self._start >= self._next_row
        keep = ~overlap
        for first, steps in zip(self._start[overlap], self._length[overlap], strict=True):
            self.weight[first : first + steps] = 0
        for stored, values in (
            (self.observation, episode.observation),
            (self.achieved, episode.achieved),
            (self.desired, episode.desired),
        ):
            stored[start:end] = values
        if "image" in self._names:
            self.image[start:end] = episode.image
        self.failed[start:end] = False
        self.failed[end - 1] = episode.terminal and episode.success == 0
        self.action[start : end - 1] = episode.action
        self.weight[start : end - 1] = weight
        self._start = np.append(self._start[keep], start)
        self._length = np.append(self._length[keep], length)
        self._terminal = np.append(self._terminal[keep], episode.terminal)
        self._steps_before = np.concatenate([[0], np.cumsum(self._length)])
        self._next_row = end
        self.added += 1

    def sample(self, count: int, rng: np.random.Generator, weighted: float = 0.0) -> Steps:
        """Steps [count], drawn with replacement, uniformly from all that are stored.

        Args:
            count: number of steps.
            rng: draws them.
            weighted: fraction that is drawn in proportion to the weights instead. While all
                weights are 0, all steps are drawn uniformly.
        """
        # [count] number of each step in the order of the episodes -> its episode and its row
        drawn = rng.integers(self.transitions, size=count)
        episode = np.searchsorted(self._steps_before, drawn, side="right") - 1
        row = self._start[episode] + drawn - self._steps_before[episode]
        first = round(weighted * count)
        if first:
            # [rows] cumulative weights: inverse transform sampling of rows
            mass = np.cumsum(self.weight[: self._used()], dtype=np.float64)
            if mass[-1] > 0:
                point = rng.random(first) * mass[-1]
                row[:first] = np.searchsorted(mass, point, side="right")
                # the episode of a row: the last one that starts at or before it
                order = np.argsort(self._start)
                rank = np.searchsorted(self._start[order], row[:first], side="right") - 1
                episode[:first] = order[rank]
        return self._index(episode, row - self._start[episode])

    def read(self, columns: Columns, rows: np.ndarray) -> np.ndarray:
        """The columns at the rows: [B] -> [B, number of columns]."""
        numbers = columns.columns
        if columns.source == "subgoal":  # stored as a change of the observation's columns
            change = self.action[rows][:, self._action_size :]
            return np.asarray(self.observation[rows[:, None], numbers] + change)
        source = {
            "observation": self.observation,
            "achieved_goal": self.achieved,
            "desired_goal": self.desired,
        }[columns.source]
        if numbers == tuple(range(source.shape[1])):
            return np.asarray(source[rows])
        return np.asarray(source[rows[:, None], numbers])

    def images(self, rows: np.ndarray) -> np.ndarray | None:
        """The images at the rows: [B] -> [B, H, W, C] uint8; None: the task shows none."""
        return self.image[rows] if "image" in self._names else None

    def _used(self) -> int:
        """Number of rows up to the last one in use."""
        return int((self._start + self._length).max(initial=-1)) + 1

    def steps(self) -> Steps:
        """The index of all stored steps, oldest episode first."""
        return self._steps_of(np.arange(self.episodes))

    def newest(self, count: int) -> Steps:
        """The index of all steps of the episodes that were added last, oldest first."""
        return self._steps_of(np.arange(max(0, self.episodes - count), self.episodes))

    def _steps_of(self, episodes: np.ndarray) -> Steps:
        """The index of all steps of these episodes."""
        # [sum of lengths] episode and time of each step
        lengths = self._length[episodes]
        which = np.repeat(episodes, lengths)
        time = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self._index(which, time)

    def _index(self, episode: np.ndarray, time: np.ndarray) -> Steps:
        """The index of steps, given their episodes [B] and their times in them [B]."""
        return Steps(
            row=self._start[episode] + time,
            time=time,
            length=self._length[episode],
            last_terminal=self._terminal[episode],
        )

    def save(self) -> dict[str, np.ndarray]:
        """The whole state as arrays; only the rows in use."""
        used = self._used()
        return {
            **{name: getattr(self, name)[:used] for name in self._names},
            "start": self._start,
            "length": self._length,
            "terminal": self._terminal,
            "next_row": np.array(self._next_row),
        }

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Take over a saved state.

        Raises:
            UsageError: it is of a task with other sizes, or has more than fits.
        """
        for name in self._names:
            has, needs = saved[name].shape[1:], getattr(self, name).shape[1:]
            if has != needs:
                raise UsageError(
                    f"the checkpoint is of a task with other sizes: its {name} has shape {has}, "
                    f"the task's now has {needs}"
                )
            if len(saved[name]) > len(getattr(self, name)):
                raise UsageError(
                    f"--replay.capacity {self._capacity} is too small for the checkpoint, which "
                    f"holds {saved['length'].sum():,} transitions in {len(saved['length']):,} "
                    "episodes"
                )
            getattr(self, name)[: len(saved[name])] = saved[name]
        self._start = np.asarray(saved["start"])
        self._length = np.asarray(saved["length"])
        self._terminal = np.asarray(saved["terminal"])
        self._steps_before = np.concatenate([[0], np.cumsum(self._length)])
        self._next_row = int(saved["next_row"])
        self.added += self.episodes
