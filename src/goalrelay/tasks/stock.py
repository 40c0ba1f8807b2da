"""One line about each family of gymnasium-robotics' tasks, for `goalrelay tasks`."""

FAMILIES = {
    "FetchReach": "bring the gripper to a point",
    "FetchPush": "push a block to a position on the table",
    "FetchSlide": "hit a puck so that it slides to a position out of reach",
    "FetchPickAndPlace": "pick up a block and bring it to a position, half of them in the air",
    "HandReach": "bring the five fingertips of a Shadow hand to their positions",
    "HandManipulateBlock": "rotate a block in a Shadow hand",
    "HandManipulateEgg": "rotate an egg in a Shadow hand",
    "HandManipulatePen": "rotate a pen in a Shadow hand",
    "PointMaze": "roll a ball through a maze to a position",
    "AntMaze": "walk a four-legged ant through a maze to a position",
}


def about(task_id: str) -> str | None:
    """The description of a stock task, or None for an id of no known family."""
    name = task_id.split("-v")[0]
    matches = [family for family in FAMILIES if name.startswith(family)]
    return FAMILIES[max(matches, key=len)] if matches else None
