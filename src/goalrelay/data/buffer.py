"""The replay buffer, a ring of whole episodes: add, sample -> Steps, read, save, restore.

Episodes lie one after the other in preallocated rows. An episode of L steps takes L + 1 rows, the
last for the timestep after its last step. So the next timestep is `row + 1`, any other timestep of
the episode is `row + offset`, and relabelling is one index expression. When the rows are full the
oldest episodes are overwritten. Only what a batch gathers is copied. No rewards are stored (design
law 1).
"""

from collections.abc import Sequence

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import Columns, Episode, Spec, Steps


class ReplayBuffer:
    """The ring; arrays are [rows, size].

    Args:
        spec: of the task.
        capacity: transitions.
        extra_action_size: numbers stored with each action (a hierarchy's sub-goal).
        demonstrated: whether a demonstrator acted in all of its episodes.
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
        self._action_size = spec.action_size
        try:  # zeros take memory only when written to
            self.observation = np.zeros((rows, spec.observation_size), np.float32)
            self.achieved = np.zeros((rows, spec.achieved_size), np.float32)
            self.desired = np.zeros((rows, spec.goal_size), np.float32)
            self.action = np.zeros((rows, *action_shape), np.int32 if spec.discrete else np.float32)
            self.weight = np.zeros(rows, np.float32)  # 0 in rows that hold no step
        except (MemoryError, ValueError):  # ValueError: more than an array can ever have
            raise UsageError(f"--replay.capacity {capacity} does not fit in memory") from None
        # The episodes held, oldest first: first row, steps, whether the task ended it.
        self._start = np.zeros(0, np.int64)
        self._length = np.zeros(0, np.int64)
        self._terminal = np.zeros(0, bool)
        self._steps_before = np.zeros(1, np.int64)
        self._next_row = 0

    @property
    def episodes(self) -> int:
        """Episodes held."""
        return len(self._start)

    @property
    def transitions(self) -> int:
        """Transitions held."""
        return int(self._steps_before[-1])

    @property
    def bytes(self) -> int:
        """Memory the rows take when full."""
        return sum(
            a.nbytes
            for a in (self.observation, self.achieved, self.desired, self.action, self.weight)
        )

    def add(
        self, episodes: Sequence[Episode], weights: Sequence[np.ndarray] | None = None
    ) -> Steps:
        """Store finished episodes; returns the index of all their steps, in order.

        Args:
            episodes: what happened.
            weights: [L] each, how much each step matters (see `priority`); equal by default.
        """
        for i, episode in enumerate(episodes):
            equal = np.ones(episode.length, np.float32)
            self._add(episode, equal if weights is None else weights[i])
        return self._steps_of(np.arange(self.episodes - len(episodes), self.episodes))

    def _add(self, episode: Episode, weight: np.ndarray) -> None:
        length, rows = episode.length, len(self.observation)
        start = self._next_row if self._next_row + length + 1 <= rows else 0
        end = start + length + 1
        # Whatever overlaps the rows to be written is the oldest: the ring has one writer.
        overlap = (self._start < end) & (self._start + self._length >= start)
        # Rows skipped at the end of the ring belong to the oldest too.
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
        self.action[start : end - 1] = episode.action
        self.weight[start : end - 1] = weight
        self._start = np.append(self._start[keep], start)
        self._length = np.append(self._length[keep], length)
        self._terminal = np.append(self._terminal[keep], episode.terminal)
        self._steps_before = np.concatenate([[0], np.cumsum(self._length)])
        self._next_row = end

    def sample(self, count: int, rng: np.random.Generator, weighted: float = 0.0) -> Steps:
        """`count` steps with replacement, uniformly from all that are held.

        Args:
            count: how many.
            rng: decides which.
            weighted: share drawn in proportion to the weights instead (all uniformly while no
                step has a weight).
        """
        drawn = rng.integers(self.transitions, size=count)
        episode = np.searchsorted(self._steps_before, drawn, side="right") - 1
        row = self._start[episode] + drawn - self._steps_before[episode]
        first = round(weighted * count)
        if first:
            mass = np.cumsum(self.weight[: self._used()], dtype=np.float64)
            if mass[-1] > 0:
                point = rng.random(first) * mass[-1]
                row[:first] = np.searchsorted(mass, point, side="right")
                order = np.argsort(self._start)
                place = np.searchsorted(self._start[order], row[:first], side="right") - 1
                episode[:first] = order[place]
        return self._index(episode, row - self._start[episode])

    def read(self, columns: Columns, rows: np.ndarray) -> np.ndarray:
        """The columns at the rows: [B] -> [B, G]."""
        wanted = columns.columns
        if columns.source == "subgoal":  # stored as a change of the observation's columns
            change = self.action[rows][:, self._action_size :]
            return np.asarray(self.observation[rows[:, None], wanted] + change)
        source = {
            "observation": self.observation,
            "achieved_goal": self.achieved,
            "desired_goal": self.desired,
        }[columns.source]
        if wanted == tuple(range(source.shape[1])):
            return np.asarray(source[rows])
        return np.asarray(source[rows[:, None], wanted])

    def _used(self) -> int:
        """Rows up to the last that is in use."""
        return int((self._start + self._length).max(initial=-1)) + 1

    def steps(self) -> Steps:
        """All steps that are held, oldest episode first."""
        return self._steps_of(np.arange(self.episodes))

    def _steps_of(self, episodes: np.ndarray) -> Steps:
        lengths = self._length[episodes]
        which = np.repeat(episodes, lengths)
        time = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self._index(which, time)

    def _index(self, episode: np.ndarray, time: np.ndarray) -> Steps:
        return Steps(
            row=self._start[episode] + time,
            time=time,
            length=self._length[episode],
            last_terminal=self._terminal[episode],
        )

    def save(self) -> dict[str, np.ndarray]:
        """Everything needed to go on, as arrays; only rows in use."""
        used = self._used()
        return {
            "observation": self.observation[:used],
            "achieved": self.achieved[:used],
            "desired": self.desired[:used],
            "action": self.action[:used],
            "weight": self.weight[:used],
            "start": self._start,
            "length": self._length,
            "terminal": self._terminal,
            "next_row": np.array(self._next_row),
        }

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Become the buffer that was saved."""
        for name in ("observation", "achieved", "desired", "action", "weight"):
            getattr(self, name)[: len(saved[name])] = saved[name]
        self._start = np.asarray(saved["start"])
        self._length = np.asarray(saved["length"])
        self._terminal = np.asarray(saved["terminal"])
        self._steps_before = np.concatenate([[0], np.cumsum(self._length)])
        self._next_row = int(saved["next_row"])
