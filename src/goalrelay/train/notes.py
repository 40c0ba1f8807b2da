"""Notes on a task for the user, each once: known when it is opened, or seen while training.

The trainer looks at the episodes of each cycle, and the session hands new lines to the observer.
"""

from collections.abc import Sequence

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.types import Episode

ENDS = "episodes end where they reach their goal; so do steps that reach a hindsight goal"
MOVING = "goals move within episodes: the goal of the last step decides about success"
FAILS = (
    "episodes can end without success; such an end counts as if its last reward, where it is "
    "negative, went on forever"
)


class Notes:
    """Lines about a task.

    Args:
        simulator: of the task; its notes come first.
        failure_lasts: of the method (`Method.failure_lasts`).
        others: further lines, to which others append.
    """

    def __init__(self, simulator: Simulator, failure_lasts: bool, others: Sequence[str] = ()):
        self._simulator = simulator
        self._lines = list(simulator.notes)
        self._told = 0
        self._others, self._others_told = others, 0
        self._failure_lasts = failure_lasts
        self._dropped = False
        self._rewards_differ = simulator.flat  # which stores its rewards

    def look(self, episodes: Sequence[Episode]) -> None:
        """Look at episodes as they are stored."""
        for episode in episodes:
            if MOVING not in self._lines and (episode.desired != episode.desired[0]).any():
                self._lines.append(MOVING)
            if self._failure_lasts and episode.terminal and episode.success == 0:
                self._failure_lasts = False
                self._lines.append(FAILS)
            if not self._rewards_differ:
                self._compare(episode)

    def ends_at_goal(self) -> None:
        """The trainer has seen that episodes end at their goal."""
        if ENDS not in self._lines:
            self._lines.append(ENDS)

    def dropped(self, failure: str) -> None:
        """Add a line about an episode that was thrown away, if it is the first one."""
        if not self._dropped:
            self._dropped = True
            self._lines.append(f"{failure}; this episode is dropped, as later ones that fail")

    def _compare(self, episode: Episode) -> None:
        """Compare the rewards of an episode with those that hindsight would give it."""
        again = self._simulator.reward(episode.achieved[1:], episode.desired[1:]).astype(float)
        tolerance = 1e-4 * (episode.length + np.abs(again).sum())
        if abs(again.sum() - episode.total_reward) > tolerance:
            self._rewards_differ = True
            self._lines.append(
                f"the rewards of an episode add up to {episode.total_reward:.6g}, and those of "
                f"compute_reward for the same goals to {again.sum():.6g}; it learns from the latter"
            )

    def new(self) -> list[str]:
        """The lines that this was not asked for yet."""
        lines = self._lines[self._told :]
        self._told = len(self._lines)
        others = list(self._others[self._others_told :])
        self._others_told += len(others)
        return lines + others
