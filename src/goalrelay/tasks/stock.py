"""The tasks of gymnasium-robotics: registration, and one line about each family."""

import contextlib
import importlib
import importlib.metadata
import io
import os
import warnings
from typing import Any

import gymnasium

from goalrelay.errors import UsageError
from goalrelay.tasks import opengl

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
"""First part of an id -> description, for `goalrelay tasks`."""

NEWEST = (3, 11)
"""MuJoCo's newest version with which gymnasium-robotics 1.4.2 builds its Fetch and hand tasks."""


def about(task_id: str) -> str | None:
    """The description of a stock task, or None for an id of no known family."""
    name = task_id.split("-v")[0]
    matches = [family for family in FAMILIES if name.startswith(family)]
    return FAMILIES[max(matches, key=len)] if matches else None


def register_stock() -> None:
    """Register the tasks of gymnasium-robotics with Gymnasium.

    Raises:
        UsageError: MuJoCo cannot be imported, for example because MUJOCO_GL names a missing driver.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gymnasium.logger.min_level = gymnasium.logger.ERROR
        with contextlib.redirect_stderr(io.StringIO()):  # prints a notice about other tasks
            gymnasium_robotics = _import_robotics()
        gymnasium.register_envs(gymnasium_robotics)


def too_new_for_stock(entry_point: str) -> str:
    """A hint for a stock task that could not be made with a MuJoCo beyond `NEWEST`; else nothing.

    Args:
        entry_point: of the task, `package.module:Class`.
    """
    installed = importlib.metadata.version("mujoco")
    version = tuple(int(part) for part in installed.split(".")[:2])
    if not entry_point.startswith("gymnasium_robotics") or version <= NEWEST:
        return ""
    return (
        f"; gymnasium-robotics does not work with mujoco {installed}: "
        "pip install 'mujoco<3.10' (tasks of goalrelay/ work with both)"
    )


def _import_robotics() -> Any:
    """Import gymnasium-robotics, which imports MuJoCo."""
    try:
        return importlib.import_module("gymnasium_robotics")
    except (AttributeError, ImportError, RuntimeError) as error:
        chosen = os.environ.get("MUJOCO_GL")
        hint = f"; unset MUJOCO_GL={chosen}{opengl.needed(chosen)}" if chosen else ""
        raise UsageError(f"MuJoCo cannot be imported: {error}{hint}") from error
