"""panda-gym's pushing and picking up as stages (Gallouedec et al. 2021; `pip install panda-gym`).

    cd benchmarks && goalrelay train relay panda_stages:PandaPush-v3 --until 0.95

The observation has the hand's position 0-2 and velocity 3-5, on PandaPickAndPlace the width of the
fingers, then the block's position, Euler angles, velocity and angular velocity, three columns each.
Metres and seconds. The middle of the table is 0, so mirrors need no shift.
"""

import importlib

import goalrelay
from goalrelay import Stage, Symmetry, TaskStructure, columns
from goalrelay.tasks.structure import signed_permutation

importlib.import_module("panda_gym")  # registers the tasks

STAGES = (
    Stage("reach", columns("observation", 0, 3), columns("achieved_goal", 0, 3), threshold=0.05),
    Stage("task", columns("achieved_goal", 0, 3), columns("desired_goal", 0, 3)),
)


def decomposition(fingers: int, actions: int) -> TaskStructure:
    """Stages, the two mirrors of the table, and the columns that are positions on it.

    Args:
        fingers: columns that the fingers take between hand and block.
        actions: size of the action; x, y, z of the hand come first.
    """
    block, size = 6 + fingers, 18 + fingers
    # A mirror turns round the axis across it and the two rotations about the other axes.
    left_right = (1, 4, block + 1, block + 3, block + 5, block + 7, block + 9, block + 11)
    front_back = (0, 3, block, block + 4, block + 5, block + 6, block + 10, block + 11)
    mirrors = tuple(
        Symmetry(
            name,
            signed_permutation(size, flip),
            signed_permutation(3, (axis,)),
            signed_permutation(actions, (axis,)),
        )
        for name, flip, axis in (("left-right", left_right, 1), ("front-back", front_back, 0))
    )
    return TaskStructure(STAGES, mirrors, position_columns=(0, 1, block, block + 1))


goalrelay.declare("PandaPush-v3", decomposition(0, 3))
goalrelay.declare("PandaPickAndPlace-v3", decomposition(1, 4))
