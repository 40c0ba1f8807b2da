"""Stages and symmetries of the stock Fetch tasks (`fetch_env.py` of gymnasium-robotics).

Observation columns: gripper position 0-2, object position 3-5, object minus gripper 6-8, fingers
9-10, object Euler angles 11-13, object velocity minus gripper velocity 14-16, object angular
velocity 17-19, gripper velocity 20-22, finger velocity 23-24. Without an object: gripper
position 0-2, fingers 3-4, gripper velocity 5-7, finger velocity 8-9. Positions in metres.

An action moves a weld that pulls the gripper, which stays upright, so the arm has little influence.
So the scene is symmetric left-right (y), and front-back (x) except for the shape of the hand.
"""

from goalrelay.tasks.structure import TaskStructure, about, columns, signed_permutation
from goalrelay.types import Stage, Symmetry

THRESHOLD = 0.05
"""Stock success distance, m."""
SWITCH = 0.05
"""The gripper has reached the object within this distance, m. RHER has 0.03. A closed gripper at
the side of a block stays farther away, so the guide would act during the whole push."""
MIDDLE = {0: 1.3, 1: 0.75, 3: 1.3, 4: 0.75}
"""Column -> coordinate of the middle of the table, m, for columns that hold a position."""
STRIDE = 0.05
"""Motion that an action of 1 commands, m."""


def reach_and_bring(touch: float, threshold: float, stride: float) -> tuple[Stage, Stage]:
    """Two stages: the grip (observation 0-2) reaches the object, then brings it to the goal.

    Args:
        touch: distance at which the grip has reached the object, m.
        threshold: success distance of the task, m.
        stride: motion that an action of 1 commands, m.
    """
    grip, position = columns("observation", 0, 3), columns("achieved_goal", 0, 3)
    goal = columns("desired_goal", 0, 3)
    return (
        Stage("reach", grip, position, touch, touch, touch, 1 / stride),
        Stage("task", position, goal, None, threshold, threshold, 1 / stride),
    )


REACH, TASK = reach_and_bring(SWITCH, THRESHOLD, STRIDE)

_goal_y = about(signed_permutation(3, flip=(1,)), MIDDLE)
_goal_x = about(signed_permutation(3, flip=(0,)), MIDDLE)

# A mirror changes the sign of rotations about the other two axes. Left-right exchanges the fingers.
LEFT_RIGHT = Symmetry(
    "left-right",
    about(signed_permutation(25, (1, 4, 7, 11, 13, 15, 17, 19, 21), ((9, 10), (23, 24))), MIDDLE),
    _goal_y,
    signed_permutation(4, flip=(1,)),
)
FRONT_BACK = Symmetry(
    "front-back",
    about(signed_permutation(25, (0, 3, 6, 12, 13, 14, 18, 19, 20)), MIDDLE),
    _goal_x,
    signed_permutation(4, flip=(0,)),
)
REACH_LEFT_RIGHT = Symmetry(
    "left-right",
    about(signed_permutation(10, (1, 6), ((3, 4), (8, 9))), MIDDLE),
    _goal_y,
    signed_permutation(4, flip=(1,)),
)
REACH_FRONT_BACK = Symmetry(
    "front-back",
    about(signed_permutation(10, (0, 5)), MIDDLE),
    _goal_x,
    signed_permutation(4, flip=(0,)),
)

MOVE_AN_OBJECT = TaskStructure((REACH, TASK), (LEFT_RIGHT, FRONT_BACK), (0, 1, 3, 4))
HIT_AN_OBJECT = TaskStructure((REACH, TASK), (LEFT_RIGHT,), (1, 3, 4))
"""Far goals are out of reach. Whether the hand can push once more depends on its x: see
docs/notebook.md, "What the critic of FetchSlide expects". So x of the hand is shown."""
REACH_A_POINT = TaskStructure((TASK,), (REACH_LEFT_RIGHT, REACH_FRONT_BACK), (0, 1))

FAMILIES = {
    "FetchReach": REACH_A_POINT,
    "FetchPush": MOVE_AN_OBJECT,
    "FetchPickAndPlace": MOVE_AN_OBJECT,
    "FetchSlide": HIT_AN_OBJECT,
}


def find(task_id: str) -> TaskStructure:
    """The structure of a stock Fetch task; one without stages for any other id."""
    family = task_id.rpartition(":")[2].split("-v")[0].removesuffix("Dense")
    return FAMILIES.get(family, TaskStructure(()))
