"""One line about each family of stock tasks, for `goalrelay tasks`."""

FAMILIES = {
    "FetchReach": "bring the gripper to a point",
    "FetchPush": "push a block to a place on the table",
    "FetchSlide": "hit a puck so that it slides to a place out of reach",
    "FetchPickAndPlace": "pick up a block and bring it to a place, half of them in the air",
    "HandReach": "bring the five fingertips of a Shadow hand to their places",
    "HandManipulateBlock": "turn a block in a Shadow hand",
    "HandManipulateEgg": "turn an egg in a Shadow hand",
    "HandManipulatePen": "turn a pen in a Shadow hand",
    "PointMaze": "roll a ball through a maze to a place",
    "AntMaze": "walk a four-legged ant through a maze to a place",
}


def about(task_id: str) -> str | None:
    """What a stock task asks for, or None for a task of no known family."""
    name = task_id.split("-v")[0]
    matches = [family for family in FAMILIES if name.startswith(family)]
    return FAMILIES[max(matches, key=len)] if matches else None
