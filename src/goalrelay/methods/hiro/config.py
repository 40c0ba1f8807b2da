"""What the method hiro is configured by."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from goalrelay.exploration import Exploration
from goalrelay.settings import number


@dataclass(frozen=True)
class Config:
    """Hierarchy with off-policy correction."""

    period: int = number(10, 1, 1000)
    """Steps for which the high level's goal stands (c)."""
    columns: tuple[int, ...] = (0, 1)
    """Columns of the observation that a sub-goal wants changed."""
    reach: tuple[float, ...] = (10.0,)
    """How far a sub-goal may change each of them; one number stands for all."""
    hide: bool = True
    """The low level does not see where in the room things are (columns that the task declares)."""
    correction: Literal["off-policy", "none"] = "off-policy"
    """Whether old sub-goals are replaced by those under which today's low level would do what was
    done."""
    candidates: int = number(8, 0, 1000)
    """Sub-goals drawn around what was reached, beside that itself and the old one."""
    candidate_noise: float = number(0.5, 0)
    """Their deviation, as a share of the reach."""
    reward_scale: float = number(0.1, above=0)
    """Of the high level's summed reward."""
    hindsight: float = number(0.0, 0, 1)
    """Share of the low level's steps whose sub-goal becomes a change that did come about within
    the period."""
    subgoal_noise: float = number(0.1, 0)
    """Deviation of the noise on sub-goals while collecting, as a share of the reach."""
    priority: Literal["uniform"] = "uniform"
    """All steps are drawn alike."""
    exploration: Exploration = field(default_factory=Exploration)
    """Noise on actions while collecting."""

    @property
    def ranges(self) -> np.ndarray:
        """[K] the reach of each column."""
        reach = self.reach if len(self.reach) > 1 else self.reach * len(self.columns)
        return np.array(reach, np.float32)
