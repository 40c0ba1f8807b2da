"""Which parts of the robot are tested for contact with each other, and when.

The stock tasks test every pair of the robot's bodies in every physics step, mostly for nothing.
Leaving that out changes no number:

    NEVER    pairs that do not meet at any angle of the joints between them, also 0.3 rad beyond
             the limits of these joints, which are soft
    WATCHED  pairs that meet only when a joint is far from where it usually is: the torso and the
             shoulder when it is turned to a side or lowered beyond its limit, the head and the
             upper arm when it is raised, parts of the lower arm when elbow or wrist is bent
             beyond its limit

The angles of four joints decide, before every step, which of WATCHED are tested. Their ranges
leave room for more than a joint moves in a step. Everything else is tested always: the robot with
table, floor and objects, the lower arm and the gripper with the rest of the robot.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.tasks.late import Data, Model, Spec

_HEAD = ("head_pan_link", "head_tilt_link")
_FIXED = ("estop_link", "laser_link", "torso_fixed_link")
_FINGERS = ("r_gripper_finger_link", "l_gripper_finger_link")
AHEAD = 0.04
"""A joint is watched where it is and where it is after this time at its speed, s: a step."""
Pairs = frozenset[frozenset[str]]


def _pairs(apart: dict[str, tuple[str, ...]]) -> Pairs:
    return frozenset(frozenset((one, other)) for one, others in apart.items() for other in others)


class Watch(NamedTuple):
    """Pairs that stay apart, for the next step too, while a joint is within a range.

    A pair with several entries stays apart while all these joints are.
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
"""Of every entry of WATCHED, whether its pairs are tested."""
ALL: Tested = (True,) * len(WATCHED)


def leave_out(spec: Spec) -> None:
    """Exclude every pair named here; `Contacts` opens those that a state needs."""
    for one, other in map(sorted, NEVER.union(*(watch.pairs for watch in WATCHED))):
        spec.add_exclude(bodyname1=f"robot0:{one}", bodyname2=f"robot0:{other}")


def exclusions(model: Model, everything: np.ndarray, tested: Tested) -> np.ndarray:
    """The exclusions to write into a model: [excluded] signatures, in MuJoCo's rising order.

    Args:
        model: compiled from a scene that `leave_out` saw.
        everything: [excluded] the signatures that it was compiled with.
        tested: which of WATCHED are tested, and so missing.
    """
    wanted = frozenset().union(*(w.pairs for w, on in zip(WATCHED, tested, strict=True) if on))
    kept = []
    for signature in everything.tolist():
        bodies = (signature >> 16, signature & 0xFFFF)
        if frozenset(model.body(b).name.removeprefix("robot0:") for b in bodies) not in wanted:
            kept.append(signature)
    return np.array(sorted(kept + kept[-1:] * (len(everything) - len(kept))))  # a repeat is idle


class Contacts:
    """Chooses, for one environment, the pairs to test in the next step."""

    def __init__(self, model: Model, data: Data):
        self._model, self._qpos, self._qvel = model, data.qpos, data.qvel
        self._everything = model.exclude_signature.copy()
        self._lists: dict[Tested, np.ndarray] = {}
        self._ranges = []
        for watch in WATCHED:
            joint = model.joint(f"robot0:{watch.joint}_joint")
            self._ranges.append((int(joint.qposadr[0]), int(joint.dofadr[0]), *watch[1:3]))
        self._use(ALL)

    def choose(self) -> None:
        """Look at the joints; exclude what cannot meet before the next look."""
        tested = []
        for qpos, dof, low, high in self._ranges:
            now = self._qpos.item(qpos)
            then = now + AHEAD * self._qvel.item(dof)
            tested.append(not (low < now < high and low < then < high))
        chosen = tuple(tested)
        if chosen != self.tested:
            self._use(chosen)

    def _use(self, tested: Tested) -> None:
        self.tested = tested
        if tested not in self._lists:
            self._lists[tested] = exclusions(self._model, self._everything, tested)
        self._model.exclude_signature[:] = self._lists[tested]
