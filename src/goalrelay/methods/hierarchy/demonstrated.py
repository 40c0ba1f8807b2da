"""Sub-goals for demonstrations: a demonstrator sets none, so they are found in hindsight."""

import numpy as np

from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import Episode


def with_subgoals(space: SubgoalSpace, subgoal_steps: int, episode: Episode) -> Episode:
    """The episode with the sub-goal of each step behind its action: [L, A + K].

    The sub-goal that stands from step t on is the change that the next steps achieved, within its
    range.

    Args:
        space: of sub-goals.
        subgoal_steps: for which a sub-goal stands.
        episode: of a demonstrator.
    """
    position = episode.observation[:, space.columns]  # [L + 1, K]
    time = np.arange(episode.length)
    start = time - time % subgoal_steps  # when the sub-goal of each step was set
    end = np.minimum(start + subgoal_steps, episode.length)
    change = (position[end] - position[start]).clip(-space.range, space.range)
    subgoal = position[start] + change - position[time]
    return episode._replace(action=np.concatenate([episode.action, subgoal], axis=1))
