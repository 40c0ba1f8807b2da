"""Hit a puck so that it slides to a place out of reach.

The stock task `FetchSlide-v4`, faster: same starts, goals, observations and rewards for the same
seed and actions. The observation is that of `push`.

The puck starts within 10 cm of the hand in x and y, at least 10 cm away (so in the corners); goals
lie within 30 cm of a point 40 cm before the hand. Success: closer than 5 cm at the last of 50
steps: the puck must come to rest there, or pass at that moment.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from goalrelay.tasks.fetch.environment import CAMERA, STRIDE, registrations
from goalrelay.tasks.fetch.experts import Expert, move, travel
from goalrelay.tasks.fetch.one_object import OneObject
from goalrelay.tasks.fetch.scene import begin_of_stock

STEPS = 50
"""In an episode."""
REGISTRATIONS = registrations("FetchSlide", STEPS)


class Environment(OneObject):
    """The environment; see the module."""

    camera = CAMERA | {"distance": 2.2, "lookat": np.array((1.4, 0.75, 0.45))}

    def __init__(self, **settings: Any):
        begin = begin_of_stock("slide", base=0.05, height=-0.02, block=(1.7, 1.1, 0.41))
        super().__init__(
            begin, around=0.1, goals=0.3, offset=(0.4, 0.0, 0.0), blocked=True, **settings
        )


DECELERATION = 0.98
"""Of the puck on the table, m/s^2: its friction of 0.1 times gravity."""
STEP = 0.04
"""Duration of a step, s."""
REACTION = 0.66
"""Share of the motion asked for that a step brings about."""
ON_PUCK = 0.035
"""Height of the grip over the puck at which the fingertips press lightly on it, m."""
QUICKER = 0.006
"""How much faster than in the step before the hand may drag, m a step: else the puck slips."""
REACH = 1.25
"""The arm slows down from here on in x, m: a goal beyond it takes a stroke."""
FINGERTIPS = np.array((0.0135, 0.0149))
"""Half size of the closed fingers in x and y, m."""
RADIUS, RUN_UP = 0.025, 0.05
"""Of the puck; from its edge to where a stroke begins, as a rule, m."""
STROKE = 0.63
"""How far a puck slides that is hit at full speed straight ahead, m; it grows with the speed's
square, and by MORE of it for each degree beside straight ahead."""
MORE = 0.011
ASKED = (0.0, 0.2, 0.26, 0.37, 0.43, 0.45, 0.49, 0.53, 0.55, 0.6, 0.65, 0.69, 0.76, 0.85)
SLID = (0.0, 0.22, 0.27, 0.285, 0.335, 0.36, 0.415, 0.47, 0.51, 0.585, 0.65, 0.675, 0.7, 0.75)
"""How far, m, the puck slid when that rule was asked for so much (measured): the speed at which the
fingers meet it depends on when in a step they do."""
AIM = (0.0, 3.0, 5.0, 7.0, 10.0, 13.0, 18.0, 23.0, 29.0, 36.0, 60.0)
SENT = (0.0, 6.0, 9.5, 13.0, 18.0, 23.5, 29.5, 35.0, 39.5, 44.0, 60.0)
"""A stroke at so many degrees beside straight ahead sends the puck off at so many (measured): the
puck rolls along the fingertips."""


REHEARSALS, TRIES = 10, 40
"""In simulation before the puck is touched, at most: corrected from one to the next; at random."""
CLOSE_ENOUGH = 0.02
"""A rehearsal that ends so near the goal is played, m."""


class Correction(NamedTuple):
    """How a plan departs from its rules, found by rehearsing it."""

    longer: float = 1.0
    """Factor of the distance to slide."""
    turn: float = 0.0
    """Angle by which the puck is sent off more to the left, rad."""
    run_up: float = RUN_UP
    """From the puck's edge to where a stroke begins, m."""


Plan = Callable[[Correction], Expert]


def expert() -> Expert:
    """A controller for one episode: drag the puck to a near goal, strike it to a far one.

    Once the puck slides nothing can be mended, and where it stops depends on when in a step the
    fingers meet it. So the controller rehearses: it plays the episode in a simulation of its own,
    which starts from what it sees, sees where the puck ends, and corrects itself.
    """
    chosen: Expert | None = None

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal chosen
        if chosen is None:
            near = seen["desired_goal"][0] < REACH
            chosen = _rehearsed(seen, (_drag, _strike) if near else (_strike, _drag))
        return chosen(seen)

    return act


def _rehearsed(first: Mapping[str, np.ndarray], plans: Sequence[Plan]) -> Expert:
    """The plan, and its correction, whose rehearsal ended nearest to the goal."""
    room, puck, goal = Environment(), first["achieved_goal"], first["desired_goal"]
    rng = np.random.default_rng(0)
    best, chosen = np.inf, plans[0](Correction())
    for plan in plans:
        correction = Correction()
        for rehearsal in range(REHEARSALS + TRIES):
            seen, _ = room.reset(options={"object0": puck[:2], "goal": goal})
            act = plan(correction)
            for _ in range(STEPS):
                seen, *_ = room.step(act(seen))
            end = seen["achieved_goal"]
            miss = float(np.linalg.norm(end - goal))
            if miss < best:
                best, chosen = miss, plan(correction)
            if best < CLOSE_ENOUGH:
                return chosen
            if rehearsal < REHEARSALS:
                correction = _corrected(correction, goal - puck, end - puck)
            else:
                correction = Correction(
                    rng.uniform(0.8, 1.4), rng.normal(0, 0.05), rng.uniform(0.03, 0.12)
                )
    return chosen


def _corrected(last: Correction, wanted: np.ndarray, made: np.ndarray) -> Correction:
    """Longer where the puck stopped short, and turned back by half of what it went astray."""
    towards, went = (np.arctan2(way[1], way[0]) for way in (wanted, made))
    astray = float(np.angle(np.exp(1j * (towards - went))))
    longer = np.linalg.norm(wanted) / max(float(np.linalg.norm(made)), 0.01)
    return Correction(last.longer * float(longer.clip(0.7, 1.4)) ** 0.7, last.turn + 0.5 * astray)


def _aim(seen: Mapping[str, np.ndarray], correction: Correction) -> tuple[float, np.ndarray]:
    """How far the puck is to slide, m, and the direction in which to send it, [2]."""
    gap = (seen["desired_goal"] - seen["achieved_goal"])[:2]
    angle = np.arctan2(gap[1], gap[0]) + correction.turn
    far = correction.longer * float(np.linalg.norm(gap))
    return max(far, 1e-6), np.array((np.cos(angle), np.sin(angle)))


def _strike(correction: Correction) -> Expert:
    """A corner of the fingers hits the puck in the direction of the goal, and stops.

    The puck flies off along the line from the corner to its middle, so that is where the corner
    begins: behind the puck, seen from the goal.
    """
    first: np.ndarray | None = None
    steady, struck = 0, False

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal first, steady, struck
        grip, puck = seen["observation"][:3], seen["achieved_goal"]
        far, ahead = _aim(seen, correction)
        if first is None:
            first = puck.copy()
        if struck or np.linalg.norm((puck - first)[:2]) > 0.03:
            struck = True
            return move(np.zeros(3))
        aim = np.interp(np.degrees(np.arctan2(abs(ahead[1]), ahead[0])), SENT, AIM)
        ahead = np.array((np.cos(np.radians(aim)), np.copysign(np.sin(np.radians(aim)), ahead[1])))
        corner = np.copysign(FINGERTIPS, ahead)
        begin = np.append(puck[:2] - corner - (RADIUS + correction.run_up) * ahead, puck[2])
        off = begin - grip
        if steady < 2:
            steady += int(np.abs(off[:2]).max() < 0.002 and abs(off[2]) < 0.01)
            return travel(grip, begin, near=0.01)
        aside = off[:2] - (off[:2] @ ahead) * ahead
        asked = np.interp(far, SLID, ASKED)
        hit = STRIDE * np.sqrt(asked / (STROKE * (1 + MORE * aim)))
        return move(np.append(ahead * hit + aside, off[2]))

    return act


def _drag(correction: Correction) -> Expert:
    """Press on the puck, drag it off, and let it slide.

    The hand drags along v = sqrt(2 a d), with a the deceleration by friction and d the distance
    left: whenever the puck is let go, it stops at the goal. It is let go where the arm ends.
    """
    speed, free = 0.0, False

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal speed, free
        grip, puck = seen["observation"][:3], seen["achieved_goal"]
        far, ahead = _aim(seen, correction)
        off = (puck - grip)[:2]
        pace = float(np.linalg.norm(seen["observation"][14:16] + seen["observation"][20:22]))
        slides = (pace / STEP) ** 2 / (2 * DECELERATION)
        free = free or grip[0] > REACH or slides + pace > far
        if free:
            return move(np.append(ahead * speed / REACTION, STRIDE))
        if np.linalg.norm(off) > 0.02 or grip[2] > 0.42 + ON_PUCK + 0.01:
            speed = 0.0
            return travel(grip, np.append(puck[:2], 0.42 + ON_PUCK), near=0.012)
        curve = np.sqrt(2 * DECELERATION * max(0.0, far - 0.5 * speed)) * STEP
        fastest = REACTION * STRIDE / np.abs(ahead).max()
        speed = min(curve, fastest, speed + QUICKER)
        return move(np.append(ahead * speed / REACTION + 0.3 * off, 0.42 + ON_PUCK - grip[2]))

    return act
