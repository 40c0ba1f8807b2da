"""A scripted expert that picks up blocks and puts them down, one after the other.

    over -> down -> close -> carry -> open -> up        the phases of one block

An expert plays one episode. It maps the observation dictionary to an action [4] and keeps its own
memory. It uses no more information than a policy has.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.experts import Expert, move_to

OVER = 0.49
"""Height at which open fingers, or a carried block, pass over blocks on the table, m."""
ABOVE = 0.055
"""Height above a block at which the fingers leave it, m."""
NEIGHBOUR = 0.1
"""Blocks within this distance of the grip in x and y are passed over, m."""
PASSING = 0.065
"""Height above the middle of a block at which the hand passes over it, m."""
CLEAR = 0.045
"""Height above a block at which open fingers may move sideways, m."""
SPREAD = 0.033
"""Opening of each finger that fits around a block, and between two blocks, m."""
SQUEEZE = 2
"""Number of steps in which the fingers close."""
RELEASE = 1
"""Number of steps in which they open."""
DROPPED = 0.04
"""A block at a larger distance from the grip is not held, m."""
PLACED = 0.02
"""A block within this distance of its goal is not moved, m."""


def stack() -> Expert:
    """Pick up blocks one after the other, from the lowest goal to the highest."""
    memory: dict[str, Any] = {"number": None, "phase": "over", "wait": 0}

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        grip, fingers = np.array(obs["observation"][:3]), float(np.mean(obs["observation"][3:5]))
        blocks = np.asarray(obs["achieved_goal"], float).reshape(-1, 3)  # [N, 3]
        goals = np.asarray(obs["desired_goal"], float).reshape(-1, 3)  # [N, 3]
        number = memory["number"]
        if number is None or (memory["phase"] == "up" and grip[2] > blocks[number, 2] + CLEAR):
            off = np.linalg.norm(goals - blocks, axis=1)
            number = next((int(i) for i in np.argsort(goals[:, 2]) if off[i] > PLACED), None)
            memory.update(number=number, phase="over")
            if number is None:
                top = float(blocks[:, 2].max()) + ABOVE
                return move_to(grip, np.array((grip[0], grip[1], top)), SPREAD - fingers)
        others = np.delete(blocks, number, axis=0)
        near = np.linalg.norm(others[:, :2] - grip[:2], axis=1) < NEIGHBOUR
        over = float(np.max(others[near, 2] + PASSING, initial=OVER))
        return _pick(memory, grip, fingers, blocks[number], goals[number], over)

    return act


def _pick(
    memory: dict[str, Any],
    grip: np.ndarray,
    fingers: float,
    block: np.ndarray,
    goal: np.ndarray,
    over: float,
) -> np.ndarray:
    """One step of picking up a block and putting it down; [4].

    Args:
        memory: the phase and its number of steps, changed in place.
        grip: [3] position of the hand, m.
        fingers: mean opening of the fingers, m.
        block: [3] middle of the block, m.
        goal: [3] goal of the block, m.
        over: height at which to pass over other blocks, m.
    """
    gap, path = block - grip, goal - block
    phase, slack = _update_phase(memory, gap, path), SPREAD - fingers
    if phase == "over":
        return move_to(grip, _next_waypoint(grip, block, block[2] + ABOVE, over), slack)
    if phase == "down":
        return move_to(grip, block, slack)
    if phase == "close":
        return move_to(grip, grip, -1.0)
    if phase == "carry":
        height = max(goal[2] + 0.03, block[2]) if np.linalg.norm(path[:2]) > 0.02 else goal[2]
        return move_to(grip, _next_waypoint(block, goal, height, over) - gap, -1.0)
    if phase == "open":
        return move_to(grip, grip, slack)
    return move_to(grip, np.array((grip[0], grip[1], block[2] + 2 * ABOVE)), slack)


def _update_phase(memory: dict[str, Any], gap: np.ndarray, path: np.ndarray) -> str:
    """The phase of this step, also written to memory.

    Args:
        memory: the last phase and its number of steps.
        gap: [3] from the grip to the block, m.
        path: [3] from the block to its goal, m.
    """
    aside, phase = float(np.linalg.norm(gap[:2])), memory["phase"]
    if phase in ("close", "carry") and float(np.linalg.norm(gap)) > DROPPED:
        phase = "over"
    if phase == "over" and aside < 0.008:
        phase = "down"
    if phase == "down" and float(np.linalg.norm(gap)) < 0.01:
        phase, memory["wait"] = "close", 0
    if phase == "close" and memory["wait"] == SQUEEZE:
        phase = "carry"
    if phase == "carry" and np.linalg.norm(path[:2]) < 0.006 and path[2] > -0.006:
        phase, memory["wait"] = "open", 0
    if phase == "open" and memory["wait"] == RELEASE:
        phase = "up"
    memory["phase"], memory["wait"] = phase, memory["wait"] + 1
    return phase


def _next_waypoint(
    position: np.ndarray, goal: np.ndarray, height: float, over: float
) -> np.ndarray:
    """The next waypoint [3] of a path up, across, and down to a height, m.

    Args:
        position: [3] where the path is now, m.
        goal: [3] whose x and y are the end of the path, m.
        height: at the end, m.
        over: height while it goes across, m.
    """
    target = np.array((goal[0], goal[1], height))
    far = float(np.linalg.norm(target[:2] - position[:2]))
    if far > 0.03:
        target[2] = max(height, over)
    if position[2] < min(target[2], over) - 0.02 and far > 0.02:
        target[:2] = position[:2]
    return target
