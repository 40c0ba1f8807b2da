"""Scripted experts that push blocks on the table: several to their goals, one to a moving goal.

An expert plays one episode. It maps the observation dictionary to an action [4] and keeps its own
memory. It uses no more information than a policy has.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.experts import REACTION, Expert, move_to
from goalrelay.tasks.fetch.simulation import STRIDE

FRICTION = 0.012
"""Speed that a sliding block loses in a step, m a step."""
HIGH = 0.487
"""Height of the grip at which closed fingers pass over blocks, m."""
LOW = 0.425
"""Height of the grip at which closed fingers push, m."""
BEHIND = 0.06
"""Distance from the middle of a block, along its axis, at which the fingers come down, m."""
LOST = 0.035
"""Distance from the line of push at which the hand gives up and approaches again, m."""
NEAR = 0.01
"""Distance from the goal at which a push ends, m."""
BAD = 0.035
"""Distance from the goal beyond which a block is pushed again, m."""
CORRECTION = 1.2
"""Fraction of the distance from the line of push that a step corrects."""
LANDING = 0.06
"""Distance from other blocks that the fingers keep when they come down, m."""
LEAD = 10
"""Number of steps by which a push aims ahead of a moving goal."""
BEHIND_GOAL = 0.03
"""Distance from a moving goal beyond which the block is pushed again, m."""
ROOM = 0.075
"""Distance from other blocks that a push should keep, m."""


def push() -> Expert:
    """Push blocks one after the other, in an order and along paths with few collisions."""
    memory: dict[str, Any] = {"number": None, "aim": None, "down": False}

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        grip = np.asarray(obs["observation"][:3], float)
        blocks = np.asarray(obs["achieved_goal"], float).reshape(-1, 3)[:, :2]  # [N, 2]
        goals = np.asarray(obs["desired_goal"], float).reshape(-1, 3)[:, :2]  # [N, 2]
        rest = blocks + coasting(obs)  # [N, 2] where the blocks will stop
        number, aim = memory["number"], memory["aim"]
        if number is not None and _has_arrived(blocks[number], rest[number], aim):
            number = None
        if number is None:
            remaining = np.flatnonzero(np.linalg.norm(goals - rest, axis=1) > BAD)
            memory["number"] = number = next(iter(push_order(grip, rest, goals, remaining)), None)
            memory["down"] = False
            if number is None:
                return move_to(grip, np.array((grip[0], grip[1], HIGH)))
            memory["aim"] = aim = choose_aim(rest, goals[number], number)
        action, memory["down"], lost = _push(grip, blocks[number], aim, memory["down"])
        if lost:
            memory["number"] = None
        return action

    return act


def chase() -> Expert:
    """Push one block to a moving goal; the observation is that of the stock tasks."""
    memory: dict[str, Any] = {"goal": None, "busy": True, "down": False}

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        observation = np.asarray(obs["observation"], float)
        grip, block, goal = observation[:3], observation[3:5], np.array(obs["desired_goal"][:2])
        velocity = goal - memory["goal"] if memory["goal"] is not None else np.zeros(2)
        memory["goal"] = goal
        rest = block + _coast(observation[None, 14:16] + observation[20:22])[0]
        aim = goal + LEAD * velocity
        if memory["busy"] and memory["down"]:
            memory["busy"] = not _has_arrived(block, rest, aim)
        elif not memory["busy"]:
            memory["busy"] = bool(np.linalg.norm(rest - goal) > BEHIND_GOAL)
        if not memory["busy"]:
            memory["down"] = False
            return move_to(grip, np.array((grip[0], grip[1], HIGH)))
        action, memory["down"], _ = _push(grip, block, aim, memory["down"])
        return action

    return act


def coasting(obs: Mapping[str, np.ndarray]) -> np.ndarray:
    """How far the blocks slide if nothing pushes them any more: [N, 2] m."""
    observation, count = np.asarray(obs["observation"], float), len(obs["achieved_goal"]) // 3
    end = 5 + 15 * count
    # Observed velocities are relative to the grip, whose own velocity follows the blocks.
    velocity = observation[5:end].reshape(count, 15)[:, 9:11] + observation[end : end + 2]
    return _coast(velocity)


def _coast(velocity: np.ndarray) -> np.ndarray:
    """How far blocks with velocities [N, 2], m a step, slide under friction: [N, 2] m."""
    return velocity * np.linalg.norm(velocity, axis=1, keepdims=True) / (2 * FRICTION)


def _has_arrived(block: np.ndarray, rest: np.ndarray, aim: np.ndarray) -> bool:
    """Whether a block will stop at the aim or beyond it; position, stop and aim are [2] m."""
    return bool(np.linalg.norm(rest - aim) < NEAR or (rest - block) @ (rest - aim) > 0)


def _push(
    grip: np.ndarray, block: np.ndarray, aim: np.ndarray, down: bool
) -> tuple[np.ndarray, bool, bool]:
    """One step of a push.

    Args:
        grip: [3] position of the hand, m.
        block: [2] middle of the block, m.
        aim: [2] where to push it, m.
        down: whether the fingers are down behind the block.

    Returns:
        The action [4], whether the fingers are down behind the block, and whether they lost it.
    """
    direction = aim - block
    left = float(np.linalg.norm(direction))
    direction = direction / max(left, 1e-9)
    side = np.array((-direction[1], direction[0]))
    gap = grip[:2] - block
    sideways, ahead = float(gap @ side), float(gap @ direction)
    if not down:
        start = behind(block, direction)
        away = float(np.linalg.norm(start - grip[:2]))
        if grip[2] > LOW + 0.012 or away > 0.012:
            return _approach(grip, start, away), False, False
    if abs(sideways) > LOST or ahead > -0.015:
        return move_to(grip, np.array((grip[0], grip[1], HIGH))), False, True
    forward = FRICTION * (math.sqrt(1 + 2 * left / FRICTION) - 1)  # then it coasts to the aim
    forward = min(forward, STRIDE * REACTION) * (1 - 0.7 * abs(sideways) / LOST)
    target = grip[:2] + forward * direction - CORRECTION * sideways * side
    return move_to(grip, np.array((target[0], target[1], LOW))), True, False


def _approach(grip: np.ndarray, target: np.ndarray, away: float) -> np.ndarray:
    """One step over the blocks and down to a target [2], which is `away` m from the grip; [4]."""
    if away < 0.012:
        return move_to(grip, np.array((target[0], target[1], LOW)))
    if grip[2] < HIGH - 0.02:
        return move_to(grip, np.array((grip[0], grip[1], HIGH)))
    height = LOW if away < 0.025 else HIGH
    return move_to(grip, np.array((target[0], target[1], height)))


def behind(block: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where the fingers come down to push a block [2] along a direction [2]: [2] m."""
    return block - BEHIND / max(abs(direction[0]), abs(direction[1])) * direction


def encounters(block: np.ndarray, aim: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cost of each other block for a push: [P].

    Args:
        block: [2] where the push starts, m.
        aim: [2] where it ends, m.
        others: [P, 2] middles of the other blocks, m.
    """
    direction = (aim - block) / max(float(np.linalg.norm(aim - block)), 1e-9)
    start = behind(block, direction)
    meet = np.maximum(0.0, ROOM - distance(block, aim, others))
    land = np.maximum(0.0, LANDING - np.linalg.norm(others - start, axis=1))
    return 10.0 * meet + 30.0 * land


def choose_aim(blocks: np.ndarray, goal: np.ndarray, number: int) -> np.ndarray:
    """Where to push a block first: its goal, or a point with a clear path to the goal: [2] m.

    Args:
        blocks: [N, 2] middles of all blocks, m.
        goal: [2] goal of the block, m.
        number: of the block.
    """
    block, others = blocks[number], np.delete(blocks, number, axis=0)
    best, least = goal, math.inf
    for degrees in (0, 20, -20, 40, -40, 60, -60, 80, -80):
        angle = math.radians(degrees)
        c, s = math.cos(angle), math.sin(angle)
        path = np.array(((c, -s), (s, c))) @ (goal - block) * (1.0 if not degrees else max(c, 0.4))
        cost = float(encounters(block, block + path, others).sum()) + 0.004 * abs(degrees)
        if degrees:
            cost += 0.2
        if cost < least:
            best, least = block + path, cost
    return best


def push_order(
    grip: np.ndarray, blocks: np.ndarray, goals: np.ndarray, remaining: np.ndarray
) -> list[int]:
    """The order of pushes with the smallest sum of encounters and of the hand's path.

    Args:
        grip: [3] position of the hand, m.
        blocks: [N, 2] middles of the blocks, m.
        goals: [N, 2] their goals, m.
        remaining: [M] numbers of the blocks that are not at their goals.
    """
    # [N] each: cost of the other blocks where they are now, and at their goals.
    before = {i: encounters(blocks[i], goals[i], blocks) for i in remaining}
    after = {i: encounters(blocks[i], goals[i], goals) for i in remaining}
    starts = {i: behind(blocks[i], _unit(goals[i] - blocks[i])) for i in remaining}
    best, least = [], math.inf
    for order in itertools.permutations(remaining.tolist()):
        hand, total, later = grip[:2], 0.0, set(remaining.tolist())
        for i in order:
            later.discard(i)
            total += math.dist(starts[i], hand)
            for j in range(len(blocks)):
                if j != i:
                    total += float(before[i][j] if j in later or j not in starts else after[i][j])
            hand = goals[i]
            if total >= least:
                break
        if total < least:
            best, least = list(order), total
    return best


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def distance(start: np.ndarray, end: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances of points [P, 2] from the line segment between two points [2]: [P] m."""
    line = end - start
    fraction = np.clip((points - start) @ line / max(float(line @ line), 1e-12), 0.0, 1.0)
    return np.linalg.norm(points - start - fraction[:, None] * line, axis=1)
