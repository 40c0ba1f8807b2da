"""Body frame of the ant: which columns rotate with its heading, and its mirror images.

The ant is symmetric under three mirrors: left-right, front-back, and about the diagonal through two
legs. They generate eight symmetries. A mirror M maps a vector v to M v, and the axis of a rotation,
or an angular velocity, to -M v. The angle of a hip changes its sign. That of an ankle changes its
sign if the mirrored axis is that of the other leg (`types.BodyFrame`).
"""

import numpy as np

from goalrelay.tasks.symmetry import joined
from goalrelay.types import BodyFrame, SignedPermutation, Symmetry

ROTATION = (3, 4, 5, 6)
"""Observation columns of the torso's quaternion."""
VELOCITY = (15, 16, 17)
"""Observation columns of the torso's velocity."""
LEGS = ((1, 1), (-1, 1), (-1, -1), (1, -1))
"""Directions of the legs, x and y, in the order of the joints."""
ANKLES = ((-1, 1), (1, 1), (-1, 1), (1, 1))
"""Axes, x and y, of their ankles."""
MOTORS = (3, 0, 1, 2)
"""Legs in the order of the motors."""
MIRRORS = {
    "left-right": ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "front-back": ((-1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "diagonal": ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
}
"""Matrices [3, 3] of the mirrors."""

TURNED = BodyFrame(ROTATION, (VELOCITY,))
"""Body frame of an ant whose observation has columns besides its own state; without mirrors."""


def body(places: int) -> BodyFrame:
    """Body frame of an ant that observes only its own state, with mirrors.

    Args:
        places: number of columns of a goal: 2 for x, y, or 3 for x, y, z.
    """
    return TURNED._replace(
        symmetries=tuple(
            _symmetry(name, np.array(mirror), places) for name, mirror in MIRRORS.items()
        )
    )


def _symmetry(name: str, mirror: np.ndarray, places: int) -> Symmetry:
    vector, axis = _permutation_of(mirror), _permutation_of(-mirror)
    same = _permutation_of(np.eye(1))
    joints = _joints(mirror, (0, 1, 2, 3))
    observation = joined((vector, same, axis, joints, vector, axis, joints, same))
    goal = _permutation_of(mirror[:places, :places])
    return Symmetry(name, observation, goal, _joints(mirror, MOTORS))


def _permutation_of(matrix: np.ndarray) -> SignedPermutation:
    """The signed permutation of a matrix that has one 1 or -1 in each row."""
    order = np.abs(matrix).argmax(axis=1)
    sign = np.take_along_axis(matrix, order[:, None], axis=1)[:, 0]
    return SignedPermutation(
        tuple(order.tolist()), tuple(sign.astype(float).tolist()), (0.0,) * len(order)
    )


def _joints(mirror: np.ndarray, legs: tuple[int, ...]) -> SignedPermutation:
    """How a mirror changes the angles of hip and ankle of each leg, with the legs in this order."""
    flat = mirror[:2, :2]
    order: list[int] = []
    sign: list[float] = []
    for leg in legs:
        image = LEGS.index(tuple((flat @ LEGS[leg]).tolist()))  # a mirror is its own inverse
        start = 2 * legs.index(image)
        order += [start, start + 1]
        sign += [-1.0, -float(flat @ ANKLES[image] @ ANKLES[leg]) / 2]
    return SignedPermutation(tuple(order), tuple(sign), (0.0,) * len(order))
