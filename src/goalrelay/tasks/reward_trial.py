"""What a task's rewards are like, by trying them: two values or many, and how large.

in: achieved and desired goals of a few timesteps. out: a reward range, or a typical size.
"""

import numpy as np

from goalrelay.types import Observation, RewardFunction

DIGITS = 5
"""Rewards are equal if they are equal to so many digits."""


def tried(
    reward: RewardFunction, timesteps: Observation
) -> tuple[tuple[float, float] | None, float]:
    """The range of a task's rewards, and their typical size.

    Every achieved goal is rated under every desired goal, and every desired goal under itself.

    Args:
        reward: the task's own.
        timesteps: of a few episodes, [N, .].

    Returns:
        (reward away from the goal, reward at the goal) of a task with two rewards, else None; and
        the mean distance of a reward from that at the goal, 1 where it is unknown.
    """
    achieved, desired = (x.astype(np.float32) for x in (timesteps.achieved, timesteps.desired))
    near = reward(desired, desired)
    count = len(desired)
    rows, columns = np.divmod(np.arange(count * count), count)
    away = reward(achieved[rows], desired[columns])
    rewards = np.concatenate([near, away]).astype(float)
    if not np.isfinite(rewards).all():
        return None, 1.0
    largest = np.abs(rewards).max()
    levels = np.unique(np.round(rewards / (largest or 1.0), DIGITS))
    best = float(near.max())
    if np.ptp(near) <= 10.0**-DIGITS * largest and len(levels) == 2:
        worst = float(rewards.min())
        if best > worst:
            return (worst, best + 0.0), best - worst  # + 0.0 turns -0.0 into 0.0
    size = float(np.abs(away - best).mean())
    return None, size if size > 0 else 1.0
