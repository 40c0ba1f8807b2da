"""panda-gym's pushing and picking up as stages (Gallouedec et al. 2021; `pip install panda-gym`).

    cd benchmarks && goalrelay train relay panda_stages:PandaPush-v3 --until 0.95

`column_kinds` says what the columns of the observation are. Metres and seconds. The middle of the
table is 0.
"""

import importlib

import goalrelay
from goalrelay import ColumnKinds, Stage, TaskStructure, columns

importlib.import_module("panda_gym")  # registers the tasks

STAGES = (
    Stage("reach", columns("observation", 0, 3), columns("achieved_goal", 0, 3), threshold=0.05),
    Stage("task", columns("achieved_goal", 0, 3), columns("desired_goal", 0, 3)),
)
HAND = ("position of hand", "velocity of hand")
FINGERS = ("same of finger width",)
BLOCK = ("position of block", "euler of block", "velocity of block", "angular velocity of block")


def structure(observation: tuple[str, ...]) -> TaskStructure:
    """Stages, and what follows from the columns: two mirrors of the table, positions on it."""
    return TaskStructure(STAGES, column_kinds=ColumnKinds(observation, centre=(0.0, 0.0)))


goalrelay.declare("PandaPush-v3", structure(HAND + BLOCK))
goalrelay.declare("PandaPickAndPlace-v3", structure(HAND + FINGERS + BLOCK))
