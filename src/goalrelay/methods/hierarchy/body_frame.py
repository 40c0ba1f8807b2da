"""The robot's frame: axes that turn with its body.

A robot on level ground walks the same way in every direction. In the world frame it has to learn
every heading by itself. In the robot's frame a rotation of the world about the vertical changes
nothing. With R the rotation from body to world:

    up           ->  R' e_z
    vectors v    ->  R' v       velocity
    sub-goal g   ->  R' g       level, where it has no height of its own

What is in the world decides where the high level wants to go. In a task without goals that is what
the robot sees from where it is. Then the high level has the robot's frame too: it sees how far the
world's origin is, and its sub-goals say how far ahead and how far to the left.
"""

import numpy as np

from goalrelay.types import BodyFrame


def size(body: BodyFrame) -> int:
    """Columns of `in_body`."""
    return 3 * (len(body.vectors) + 2)


def in_body(body: BodyFrame, observation: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Vectors, a change of position, and up, in the robot's frame.

    Args:
        body: where in the observation its rotation and the vectors are.
        observation: [..., O].
        change: [..., 2] or [..., 3], such as a sub-goal.

    Returns:
        [..., 3 V + 6].
    """
    vectors = np.zeros((*observation.shape[:-1], len(body.vectors) + 2, 3), np.float32)
    vectors[..., :-2, :] = observation[..., np.array(body.vectors, int)]
    vectors[..., -2, : change.shape[-1]] = change
    vectors[..., -1, 2] = 1
    rotated = vectors @ rotation(observation[..., list(body.rotation)])  # rows: (R' v)' = v' R
    return rotated.reshape(*observation.shape[:-1], size(body))


def to_heading(body: BodyFrame, observation: np.ndarray, change: np.ndarray) -> np.ndarray:
    """A change of position [..., 2 or 3] as how far ahead, to the left, and up."""
    cosine, sine = _heading(body, observation)
    return _turned(change, cosine, sine)


def to_world(body: BodyFrame, observation: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The inverse of `to_heading`."""
    cosine, sine = _heading(body, observation)
    return _turned(change, cosine, -sine)


def _heading(body: BodyFrame, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine [...] of the direction of the body's x axis, seen from above."""
    x, y = np.moveaxis(rotation(observation[..., list(body.rotation)])[..., :2, 0], -1, 0)
    norm = np.maximum(np.hypot(x, y), 1e-6)
    return x / norm, y / norm


def _turned(change: np.ndarray, cosine: np.ndarray, sine: np.ndarray) -> np.ndarray:
    """A change turned clockwise by the angle [...] of this cosine and sine."""
    first, second, rest = change[..., :1], change[..., 1:2], change[..., 2:]
    c, s = cosine[..., None], sine[..., None]
    return np.concatenate([c * first + s * second, c * second - s * first, rest], axis=-1)


def rotation(quaternion: np.ndarray) -> np.ndarray:
    """The matrices [..., 3, 3], from body to world, of quaternions [..., 4], w first."""
    norm = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(quaternion / np.maximum(norm, 1e-6), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
