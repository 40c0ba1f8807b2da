"""The room as the robot sees it: axes that turn with the body.

A robot on level ground walks the same way whichever way it looks; told in the room's axes, it has
to learn every heading by itself. In the body's axes a turn of the room about the vertical changes
nothing:

    rotation R    ->  R' e_z     which way is up
    vectors v     ->  R' v       velocity
    sub-goal g    ->  R' g       level, where it has no height of its own
"""

import numpy as np

from goalrelay.types import Body


def size(body: Body) -> int:
    """Columns of `view`."""
    return 3 * (len(body.vectors) + 2)


def view(body: Body, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
    """Vectors, the sub-goal and up, in the body's axes.

    Args:
        body: where in the observation its rotation and the vectors are.
        observation: [..., O].
        subgoal: [..., 2] or [..., 3], a change of place.

    Returns:
        [..., 3 V + 6].
    """
    vectors = np.zeros((*observation.shape[:-1], len(body.vectors) + 2, 3), np.float32)
    vectors[..., :-2, :] = observation[..., np.array(body.vectors, int)]
    vectors[..., -2, : subgoal.shape[-1]] = subgoal
    vectors[..., -1, 2] = 1
    turned = vectors @ rotation(observation[..., list(body.rotation)])  # rows: (R' v)' = v' R
    return turned.reshape(*observation.shape[:-1], size(body))


def rotation(quaternion: np.ndarray) -> np.ndarray:
    """The matrices [..., 3, 3], from body to room, of quaternions [..., 4], w first."""
    norm = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(quaternion / np.maximum(norm, 1e-6), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
