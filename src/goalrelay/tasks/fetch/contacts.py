"""Contact tests between parts of the robot: which pairs are skipped, and when.

The stock tasks test every pair of the robot's bodies in every physics step, mostly without need.
These tests are skipped here, which changes no number:

    NEVER    pairs that cannot touch at any angle of the joints between them, nor at angles 0.3 rad
             beyond the limits of these joints, which are soft
    WATCHED  pairs that touch only if a joint is far from its usual angle: torso and shoulder if
             the shoulder is turned to a side or lowered beyond its limit; head and upper arm if
             the arm is raised; parts of the lower arm if elbow or wrist is bent beyond its limit

Before every step, the angles of four joints decide which pairs of WATCHED are tested. Their ranges
have a margin larger than the motion of a joint in a step. All other pairs are always tested: the
robot with table, floor and objects, and the lower arm and the gripper with the rest of the robot.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.tasks.late import Data, Model, Spec

_HEAD = ("head_pan_link", "head_tilt_link")
_FIXED = ("estop_link", "laser_link", "torso_fixed_link")
_FINGERS = ("r_gripper_finger_link", "l_gripper_finger_link")
AHEAD = 0.04
"""Time for which a joint angle is extrapolated at its speed, s: one step."""
Pairs = frozenset[frozenset[str]]
"""Pairs of names of bodies."""


def _pairs(partners: dict[str, tuple[str, ...]]) -> Pairs:
    """Pairs of each body and its partners."""
    return frozenset(frozenset((a, b)) for a, others in partners.items() for b in others)


class Watch(NamedTuple):
    """Pairs that cannot touch before the next step while a joint is within a range.

    A pair with several entries is skipped while all these joints are within their ranges.
    """

    joint: str
    low: float
    """rad"""
    high: float
    """rad"""
    pairs: Pairs


NEVER = _pairs(
    {
        "base_link": (*_HEAD, "shoulder_pan_link", "shoulder_lift_link"),
        "torso_lift_link": ("head_tilt_link",),
        "head_pan_link": ("shoulder_pan_link", "shoulder_lift_link", *_FIXED),
        "head_tilt_link": ("shoulder_pan_link", *_FIXED),
        "shoulder_pan_link": ("upperarm_roll_link", "elbow_flex_link", *_FIXED),
        "shoulder_lift_link": ("elbow_flex_link", *_FIXED),
        "upperarm_roll_link": ("wrist_flex_link",),
        "elbow_flex_link": ("wrist_flex_link", "wrist_roll_link"),
        "forearm_roll_link": _FINGERS,
        "wrist_flex_link": ("gripper_link", *_FINGERS),
        "wrist_roll_link": _FINGERS,
    }
)
_SHOULDER = _pairs({"torso_lift_link": ("shoulder_lift_link",)})
WATCHED = (
    Watch("shoulder_pan", -1.15, 0.75, _SHOULDER),
    Watch("shoulder_lift", -np.inf, 1.3, _SHOULDER),
    Watch("shoulder_lift", -0.75, np.inf, _pairs({"upperarm_roll_link": _HEAD})),
    Watch(
        "elbow_flex",
        -2.0,
        2.0,
        _pairs({"forearm_roll_link": ("shoulder_lift_link", "upperarm_roll_link")}),
    ),
    Watch(
        "wrist_flex",
        -1.9,
        1.9,
        _pairs(
            {
                "elbow_flex_link": ("gripper_link",),
                "forearm_roll_link": ("wrist_roll_link", "gripper_link"),
            }
        ),
    ),
)
Tested = tuple[bool, ...]
"""For every entry of WATCHED, whether its pairs are tested."""
ALL: Tested = (True,) * len(WATCHED)


def exclude_pairs(spec: Spec) -> None:
    """Exclude every pair of NEVER and WATCHED; `Contacts` allows those that a state needs."""
    for one, other in map(sorted, NEVER.union(*(watch.pairs for watch in WATCHED))):
        spec.add_exclude(bodyname1=f"robot0:{one}", bodyname2=f"robot0:{other}")


def exclusions(model: Model, everything: np.ndarray, tested: Tested) -> np.ndarray:
    """The exclusions to write into a model: [E] signatures in rising order, as MuJoCo needs.

    Args:
        model: compiled from a scene after `exclude_pairs`.
        everything: [E] signatures of all excluded pairs.
        tested: which entries of WATCHED are tested, so not excluded.
    """
    allowed = frozenset().union(*(w.pairs for w, on in zip(WATCHED, tested, strict=True) if on))
    kept = []
    for signature in everything.tolist():
        bodies = (signature >> 16, signature & 0xFFFF)
        if frozenset(model.body(b).name.removeprefix("robot0:") for b in bodies) not in allowed:
            kept.append(signature)
    # The length must stay E; repeating a signature has no effect.
    return np.array(sorted(kept + kept[-1:] * (len(everything) - len(kept))))


class Contacts:
    """Chooses the pairs that one environment tests in the next step."""

    def __init__(self, model: Model, data: Data):
        self._model, self._qpos, self._qvel = model, data.qpos, data.qvel
        self._everything = model.exclude_signature.copy()
        self._lists: dict[Tested, np.ndarray] = {}
        self._ranges = []  # of each entry of WATCHED: qpos address, dof address, low, high
        for watch in WATCHED:
            joint = model.joint(f"robot0:{watch.joint}_joint")
            self._ranges.append((int(joint.qposadr[0]), int(joint.dofadr[0]), *watch[1:3]))
        self._use(ALL)

    def choose(self) -> None:
        """Read the joint angles, and exclude the pairs that cannot touch before the next step."""
        tested = []
        for qpos, dof, low, high in self._ranges:
            now = self._qpos.item(qpos)
            then = now + AHEAD * self._qvel.item(dof)
            tested.append(not (low < now < high and low < then < high))
        chosen = tuple(tested)
        if chosen != self.tested:
            self._use(chosen)

    def _use(self, tested: Tested) -> None:
        """Write the exclusions into the model; computed once for each choice."""
        self.tested = tested
        if tested not in self._lists:
            self._lists[tested] = exclusions(self._model, self._everything, tested)
        self._model.exclude_signature[:] = self._lists[tested]
