"""Scripted experts for the tasks with several blocks: what they show is that a task can be done.

An expert is for one episode: a function from the observation dictionary to an action [4], with
its own memory of what it is doing. It sees no more than a policy does.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import STRIDE
from goalrelay.tasks.fetch.experts import Expert

REACTION = 0.66
"""Share of the motion asked for that a step brings about."""
FRICTION = 0.012
"""Speed that a sliding block loses in a step, m a step."""
HIGH = 0.487
"""Height of the grip at which closed fingers pass over blocks, m."""
LOW = 0.425
"""Height of the grip at which closed fingers push, m."""
BEHIND = 0.06
"""Distance from a block's middle, along its axis, at which the fingers come down, m."""
LOST = 0.035
"""Distance beside the line of push at which the fingers go round anew, m."""
NEAR = 0.01
"""Distance from the goal at which a push ends, m."""
BAD = 0.035
"""Distance from the goal at which a block that was done is taken up again, m."""
CORRECTION = 1.2
"""Share of the distance beside the line of push that a step takes back."""
LANDING = 0.06
"""Distance from other blocks at which fingers come down, m."""
OVER = 0.49
"""Height at which open fingers, or a carried block, pass over blocks on the table, m."""
ABOVE = 0.055
"""Height above a block at which the fingers leave it, m."""
NEIGHBOUR = 0.1
"""Blocks closer than this to the grip in x and y are passed over, m."""
PASSING = 0.065
"""Height above the middle of a block at which that is done, m."""
CLEAR = 0.045
"""Height above a block at which open fingers may leave sideways, m."""
SPREAD = 0.033
"""Opening of each finger that goes round a block and between two, m."""
SQUEEZE = 2
"""Steps in which the fingers close."""
RELEASE = 1
"""Steps in which they open."""
DROPPED = 0.04
"""A block this far from the grip is not held, m."""
PLACED = 0.02
"""A block this close to its goal stays, m."""
LEAD = 10
"""Steps by which a push is ahead of a moving goal."""
BEHIND_GOAL = 0.03
"""A block this far from a moving goal is pushed after it, m."""
ROOM = 0.075
"""Distance from other blocks that a push should keep, m."""


def move(grip: np.ndarray, target: np.ndarray, fingers: float = 0.0) -> np.ndarray:
    """The action [4] that brings the grip to a place in as few steps as it takes."""
    action = np.empty(4)
    action[:3] = (target - grip) / (STRIDE * REACTION)
    action[3] = fingers
    return np.clip(action, -1.0, 1.0)


def push() -> Expert:
    """Pushes blocks one after the other, in an order and on ways on which they do not meet."""
    memory: dict[str, Any] = {"number": None, "aim": None, "down": False}

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        grip = np.asarray(seen["observation"][:3], float)
        blocks = np.asarray(seen["achieved_goal"], float).reshape(-1, 3)[:, :2]
        goals = np.asarray(seen["desired_goal"], float).reshape(-1, 3)[:, :2]
        rest = blocks + coasting(seen)
        number, aim = memory["number"], memory["aim"]
        if number is not None and _arrived(blocks[number], rest[number], aim):
            number = None
        if number is None:
            undone = np.flatnonzero(np.linalg.norm(goals - rest, axis=1) > BAD)
            memory["number"] = number = next(iter(push_order(grip, rest, goals, undone)), None)
            memory["down"] = False
            if number is None:
                return move(grip, np.array((grip[0], grip[1], HIGH)))
            memory["aim"] = aim = choose_aim(rest, goals[number], number)
        action, memory["down"], lost = _push(grip, blocks[number], aim, memory["down"])
        if lost:
            memory["number"] = None
        return action

    return act


def stack() -> Expert:
    """Picks up blocks one after the other, from the lowest goal to the highest."""
    memory: dict[str, Any] = {"number": None, "phase": "over", "wait": 0}

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        grip, fingers = np.array(seen["observation"][:3]), float(np.mean(seen["observation"][3:5]))
        blocks = np.asarray(seen["achieved_goal"], float).reshape(-1, 3)
        goals = np.asarray(seen["desired_goal"], float).reshape(-1, 3)
        number = memory["number"]
        if number is None or (memory["phase"] == "up" and grip[2] > blocks[number, 2] + CLEAR):
            off = np.linalg.norm(goals - blocks, axis=1)
            number = next((int(i) for i in np.argsort(goals[:, 2]) if off[i] > PLACED), None)
            memory.update(number=number, phase="over")
            if number is None:
                top = float(blocks[:, 2].max()) + ABOVE
                return move(grip, np.array((grip[0], grip[1], top)), SPREAD - fingers)
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
    """One step of picking up a block and putting it down; `memory` has the phase."""
    gap = block - grip
    aside = float(np.linalg.norm(gap[:2]))
    phase, slack = memory["phase"], SPREAD - fingers
    if phase in ("close", "carry") and float(np.linalg.norm(gap)) > DROPPED:
        phase = "over"
    if phase == "over" and aside < 0.008:
        phase = "down"
    if phase == "down" and float(np.linalg.norm(gap)) < 0.01:
        phase, memory["wait"] = "close", 0
    if phase == "close" and memory["wait"] == SQUEEZE:
        phase = "carry"
    way = goal - block
    if phase == "carry" and np.linalg.norm(way[:2]) < 0.006 and way[2] > -0.006:
        phase, memory["wait"] = "open", 0
    if phase == "open" and memory["wait"] == RELEASE:
        phase = "up"
    memory["phase"], memory["wait"] = phase, memory["wait"] + 1
    if phase == "over":
        return move(grip, _across(grip, block, block[2] + ABOVE, over), slack)
    if phase == "down":
        return move(grip, block, slack)
    if phase == "close":
        return move(grip, grip, -1.0)
    if phase == "carry":
        height = max(goal[2] + 0.03, block[2]) if np.linalg.norm(way[:2]) > 0.02 else goal[2]
        return move(grip, _across(block, goal, height, over) - gap, -1.0)
    if phase == "open":
        return move(grip, grip, slack)
    return move(grip, np.array((grip[0], grip[1], block[2] + 2 * ABOVE)), slack)


def _across(here: np.ndarray, there: np.ndarray, height: float, over: float) -> np.ndarray:
    """Where to go next on the way over something: up first, then across, then to a height."""
    target = np.array((there[0], there[1], height))
    far = float(np.linalg.norm(target[:2] - here[:2]))
    if far > 0.03:
        target[2] = max(height, over)
    if here[2] < min(target[2], over) - 0.02 and far > 0.02:
        target[:2] = here[:2]
    return target


def chase() -> Expert:
    """Pushes one block (observation of the stock tasks) after a goal that moves."""
    memory: dict[str, Any] = {"goal": None, "busy": True, "down": False}

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        observation = np.asarray(seen["observation"], float)
        grip, block, goal = observation[:3], observation[3:5], np.array(seen["desired_goal"][:2])
        velocity = goal - memory["goal"] if memory["goal"] is not None else np.zeros(2)
        memory["goal"] = goal
        rest = block + _coast(observation[None, 14:16] + observation[20:22])[0]
        aim = goal + LEAD * velocity
        if memory["busy"] and memory["down"]:
            memory["busy"] = not _arrived(block, rest, aim)
        elif not memory["busy"]:
            memory["busy"] = bool(np.linalg.norm(rest - goal) > BEHIND_GOAL)
        if not memory["busy"]:
            memory["down"] = False
            return move(grip, np.array((grip[0], grip[1], HIGH)))
        action, memory["down"], _ = _push(grip, block, aim, memory["down"])
        return action

    return act


def coasting(seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """How far blocks still slide when let go: [N, 2] m."""
    observation, count = np.asarray(seen["observation"], float), len(seen["achieved_goal"]) // 3
    end = 5 + 15 * count
    velocity = observation[5:end].reshape(count, 15)[:, 9:11] + observation[end : end + 2]
    return _coast(velocity)


def _coast(velocity: np.ndarray) -> np.ndarray:
    """How far blocks slide that move with velocities [N, 2], m a step."""
    return velocity * np.linalg.norm(velocity, axis=1, keepdims=True) / (2 * FRICTION)


def _arrived(block: np.ndarray, rest: np.ndarray, aim: np.ndarray) -> bool:
    """Whether a block, let go, comes to rest at the aim or beyond."""
    return bool(np.linalg.norm(rest - aim) < NEAR or (rest - block) @ (rest - aim) > 0)


def _push(
    grip: np.ndarray, block: np.ndarray, aim: np.ndarray, down: bool
) -> tuple[np.ndarray, bool, bool]:
    """One step of a push: the action, whether the fingers are behind the block, whether lost."""
    way = aim - block
    left = float(np.linalg.norm(way))
    way = way / max(left, 1e-9)
    side = np.array((-way[1], way[0]))
    gap = grip[:2] - block
    beside, ahead = float(gap @ side), float(gap @ way)
    if not down:
        place = behind(block, way)
        away = float(np.linalg.norm(place - grip[:2]))
        if grip[2] > LOW + 0.012 or away > 0.012:
            return _go(grip, place, away), False, False
    if abs(beside) > LOST or ahead > -0.015:
        return move(grip, np.array((grip[0], grip[1], HIGH))), False, True
    forward = FRICTION * (math.sqrt(1 + 2 * left / FRICTION) - 1)  # then it coasts to the aim
    forward = min(forward, STRIDE * REACTION) * (1 - 0.7 * abs(beside) / LOST)
    target = grip[:2] + forward * way - CORRECTION * beside * side
    return move(grip, np.array((target[0], target[1], LOW))), True, False


def _go(grip: np.ndarray, place: np.ndarray, away: float) -> np.ndarray:
    """One step over the blocks and down to a place."""
    if away < 0.012:
        return move(grip, np.array((place[0], place[1], LOW)))
    if grip[2] < HIGH - 0.02:
        return move(grip, np.array((grip[0], grip[1], HIGH)))
    height = LOW if away < 0.025 else HIGH
    return move(grip, np.array((place[0], place[1], height)))


def behind(block: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Where the fingers come down to push a block along a direction: [2] m."""
    return block - BEHIND / max(abs(way[0]), abs(way[1])) * way


def encounters(block: np.ndarray, aim: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What other blocks at [P, 2] cost a push from one place to another: [P]."""
    way = (aim - block) / max(float(np.linalg.norm(aim - block)), 1e-9)
    begin = behind(block, way)
    meet = np.maximum(0.0, ROOM - distance(block, aim, others))
    land = np.maximum(0.0, LANDING - np.linalg.norm(others - begin, axis=1))
    return 10.0 * meet + 30.0 * land


def choose_aim(blocks: np.ndarray, goal: np.ndarray, number: int) -> np.ndarray:
    """Where to push a block first: its goal, or a point from which the way is free: [2] m."""
    block, others = blocks[number], np.delete(blocks, number, axis=0)
    best, least = goal, math.inf
    for degrees in (0, 20, -20, 40, -40, 60, -60, 80, -80):
        turned = math.radians(degrees)
        c, s = math.cos(turned), math.sin(turned)
        way = np.array(((c, -s), (s, c))) @ (goal - block) * (1.0 if not degrees else max(c, 0.4))
        cost = float(encounters(block, block + way, others).sum()) + 0.004 * abs(degrees)
        if degrees:
            cost += 0.2
        if cost < least:
            best, least = block + way, cost
    return best


def push_order(
    grip: np.ndarray, blocks: np.ndarray, goals: np.ndarray, undone: np.ndarray
) -> list[int]:
    """The order of pushes with the fewest encounters, then with the shortest way."""
    before = {i: encounters(blocks[i], goals[i], blocks) for i in undone}
    after = {i: encounters(blocks[i], goals[i], goals) for i in undone}
    starts = {i: behind(blocks[i], _unit(goals[i] - blocks[i])) for i in undone}
    best, least = [], math.inf
    for order in itertools.permutations(undone.tolist()):
        here, total, ahead = grip[:2], 0.0, set(undone.tolist())
        for i in order:
            ahead.discard(i)
            total += math.dist(starts[i], here)
            for j in range(len(blocks)):
                if j != i:
                    total += float(before[i][j] if j in ahead or j not in starts else after[i][j])
            here = goals[i]
            if total >= least:
                break
        if total < least:
            best, least = list(order), total
    return best


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def distance(start: np.ndarray, end: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances of points [P, 2] from a line between two [2]: [P] m."""
    line = end - start
    share = np.clip((points - start) @ line / max(float(line @ line), 1e-12), 0.0, 1.0)
    return np.linalg.norm(points - start - share[:, None] * line, axis=1)
