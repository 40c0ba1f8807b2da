"""What turning and mirroring do to an ant's numbers (`types.BodyFrame`).

In an empty room an ant's mirror images are as true as the ant: from left to right, from front to
back, and about the diagonal through two legs, which together make eight. A mirror turns a vector v
into M v and a rotation's axis, or an angular velocity, into -M v; a hip's angle changes its sign,
and an ankle's where the mirrored axis is that of the other leg.
"""

import numpy as np

from goalrelay.tasks.symmetry import joined
from goalrelay.types import BodyFrame, SignedPermutation, Symmetry

ROTATION = (3, 4, 5, 6)
VELOCITY = (15, 16, 17)
LEGS = ((1, 1), (-1, 1), (-1, -1), (1, -1))
"""Where the legs are, x and y, in the order of the joints."""
ANKLES = ((-1, 1), (1, 1), (-1, 1), (1, 1))
"""Axes about which their ankles turn."""
MOTORS = (3, 0, 1, 2)
"""Legs in the order of the motors."""
MIRRORS = {
    "left-right": ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "front-back": ((-1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "diagonal": ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
}

TURNED = BodyFrame(ROTATION, (VELOCITY,))
"""An ant that may see more than itself."""


def body(places: int) -> BodyFrame:
    """An ant that sees only itself.

    Args:
        places: columns of a goal: x and y, or x, y and z.
    """
    return TURNED._replace(
        symmetries=tuple(
            _symmetry(name, np.array(mirror), places) for name, mirror in MIRRORS.items()
        )
    )


def _symmetry(name: str, mirror: np.ndarray, places: int) -> Symmetry:
    vector, axis, same = _turn(mirror), _turn(-mirror), _turn(np.eye(1))
    joints = _joints(mirror, (0, 1, 2, 3))
    observation = joined((vector, same, axis, joints, vector, axis, joints, same))
    return Symmetry(name, observation, _turn(mirror[:places, :places]), _joints(mirror, MOTORS))


def _turn(matrix: np.ndarray) -> SignedPermutation:
    """Of a matrix with one number in each row."""
    order = np.abs(matrix).argmax(axis=1)
    sign = np.take_along_axis(matrix, order[:, None], axis=1)[:, 0]
    return SignedPermutation(
        tuple(order.tolist()), tuple(sign.astype(float).tolist()), (0.0,) * len(order)
    )


def _joints(mirror: np.ndarray, legs: tuple[int, ...]) -> SignedPermutation:
    """Of hip and ankle of each leg, the legs in some order."""
    flat = mirror[:2, :2]
    order: list[int] = []
    sign: list[float] = []
    for leg in legs:
        image = LEGS.index(tuple((flat @ LEGS[leg]).tolist()))  # a mirror undoes itself
        start = 2 * legs.index(image)
        order += [start, start + 1]
        sign += [-1.0, -float(flat @ ANKLES[image] @ ANKLES[leg]) / 2]
    return SignedPermutation(tuple(order), tuple(sign), (0.0,) * len(order))
