"""Which parts of the robot are tested for contact with each other, and when.

The stock tasks test every pair of the robot's bodies in every physics step. Most of that is for
nothing, and leaving it out changes no number:

    NEVER   pairs that at most four joints move against each other and that do not meet at any
            angle of those joints, also 0.2 rad beyond their limits, which are soft
    TURNED  the torso and the shoulder, which meet only when the shoulder is turned far to a side
    RAISED  the head and the upper arm, which meet only when the shoulder is lifted high

Before every step the angles of the shoulder decide whether TURNED and RAISED are tested. Their
ranges leave room for more than a joint moves in a step. Everything else is tested always: robot
with table, floor and objects, the lower arm and the gripper with the rest of the robot.
"""

import itertools

import numpy as np

from goalrelay.tasks.fetch.late import Data, Model, Spec

_HEAD = ("head_pan_link", "head_tilt_link")
_FIXED = ("estop_link", "laser_link", "torso_fixed_link")
_FINGERS = ("r_gripper_finger_link", "l_gripper_finger_link")
_APART = {
    "base_link": (*_HEAD, "shoulder_pan_link", "shoulder_lift_link"),
    "torso_lift_link": ("head_tilt_link",),
    "head_pan_link": ("shoulder_pan_link", "shoulder_lift_link", *_FIXED),
    "head_tilt_link": ("shoulder_pan_link", *_FIXED),
    "shoulder_pan_link": ("upperarm_roll_link", "elbow_flex_link", *_FIXED),
    "shoulder_lift_link": ("elbow_flex_link", "forearm_roll_link", *_FIXED),
    "upperarm_roll_link": ("forearm_roll_link", "wrist_flex_link"),
    "elbow_flex_link": ("wrist_flex_link", "wrist_roll_link", "gripper_link"),
    "forearm_roll_link": ("gripper_link", *_FINGERS),
    "wrist_flex_link": ("gripper_link", *_FINGERS),
    "wrist_roll_link": _FINGERS,
}
Pair = frozenset[str]
NEVER: frozenset[Pair] = frozenset(
    frozenset((one, other)) for one, others in _APART.items() for other in others
)
TURNED: frozenset[Pair] = frozenset({frozenset(("torso_lift_link", "shoulder_lift_link"))})
RAISED: frozenset[Pair] = frozenset(frozenset((part, "upperarm_roll_link")) for part in _HEAD)
PAN = (-1.15, 0.75)
"""While the shoulder pans within this range, rad, TURNED stay 5 mm apart for the next step."""
LIFT = -0.75
"""While the shoulder lifts less than this, rad (up is negative), RAISED stay 5 mm apart."""
AHEAD = 0.04
"""The ranges hold now and after this time at the present speed, s: the length of a step."""


def leave_out(spec: Spec) -> None:
    """Exclude every pair named here; `Contacts` opens those that a state needs."""
    for one, other in map(sorted, NEVER | TURNED | RAISED):
        spec.add_exclude(bodyname1=f"robot0:{one}", bodyname2=f"robot0:{other}")


def find(model: Model, turned: bool, raised: bool) -> np.ndarray:
    """The exclusions of a model: [excluded] signatures in rising order, as MuJoCo keeps them.

    Args:
        model: compiled from a scene that `leave_out` saw.
        turned: whether TURNED are tested.
        raised: whether RAISED are tested.
    """
    tested = (TURNED if turned else frozenset()) | (RAISED if raised else frozenset())
    kept = []
    for signature in model.exclude_signature.tolist():
        bodies = (signature >> 16, signature & 0xFFFF)
        if frozenset(model.body(b).name.removeprefix("robot0:") for b in bodies) not in tested:
            kept.append(signature)
    return np.array(sorted(kept + kept[-1:] * (model.nexclude - len(kept))))  # a repeat is idle


class Contacts:
    """Chooses, for one environment, the pairs to test in the next step."""

    def __init__(self, model: Model, data: Data):
        pan, lift = (model.joint(f"robot0:shoulder_{axis}_joint") for axis in ("pan", "lift"))
        self._qpos, self._qvel = data.qpos, data.qvel
        self._pan = int(pan.qposadr[0]), int(pan.dofadr[0])
        self._lift = int(lift.qposadr[0]), int(lift.dofadr[0])
        self._excluded = model.exclude_signature
        self._lists = {
            tested: find(model, *tested) for tested in itertools.product((False, True), repeat=2)
        }
        self._tested = (True, True)
        self._excluded[:] = self._lists[self._tested]

    def choose(self) -> None:
        """Look at the shoulder; exclude what cannot meet before the next look."""
        pan, lift = self._qpos.item(self._pan[0]), self._qpos.item(self._lift[0])
        pan_then = pan + AHEAD * self._qvel.item(self._pan[1])
        lift_then = lift + AHEAD * self._qvel.item(self._lift[1])
        turned = min(pan, pan_then) < PAN[0] or max(pan, pan_then) > PAN[1]
        tested = (turned, min(lift, lift_then) < LIFT)
        if tested != self._tested:
            self._tested = tested
            self._excluded[:] = self._lists[tested]
