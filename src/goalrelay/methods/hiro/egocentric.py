"""The room as the robot sees it: axes that turn with the body.

A robot on level ground walks the same way whichever way it looks; told in the room's axes, it has
to learn every heading by itself. In the body's axes a turn of the room about the vertical changes
nothing:

    rotation R    ->  R' e_z     which way is up
    vectors v     ->  R' v       velocity
    sub-goal g    ->  R' g       level, where it has no height of its own

What is in the room decides where the high level wants to go; in a task without goals that is what
the robot sees from where it is, and the high level too has the body's axes: it sees how far the
room's origin is along them, and says a sub-goal by how far ahead and how far to the left.
"""

import numpy as np

from goalrelay.methods.hiro.config import Config, about_places
from goalrelay.types import Body, Spec


def low_axes(config: Config, spec: Spec) -> Body | None:
    """Whose axes the low level has; None stands for the room's."""
    return spec.body if config.egocentric and about_places(config, spec) else None


def high_axes(config: Config, spec: Spec) -> Body | None:
    """Whose axes the high level has; None stands for the room's."""
    return None if spec.goal_size else low_axes(config, spec)


def others(body: Body | None, spec: Spec, hidden: set[int]) -> list[int]:
    """Columns of the observation that are not hidden and not told by `view`."""
    if body is not None:
        hidden = hidden.union(body.rotation, *body.vectors)
    return [column for column in range(spec.observation_size) if column not in hidden]


def size(body: Body) -> int:
    """Columns of `view`."""
    return 3 * (len(body.vectors) + 2)


def view(body: Body, observation: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Vectors, a change of place and up, in the body's axes.

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
    turned = vectors @ rotation(observation[..., list(body.rotation)])  # rows: (R' v)' = v' R
    return turned.reshape(*observation.shape[:-1], size(body))


def ahead(body: Body, observation: np.ndarray, change: np.ndarray) -> np.ndarray:
    """A change of place [..., 2 or 3] by how far ahead, to the left, and up: level ones."""
    x, y = _heading(body, observation)
    return _turned(change, x, y)


def in_room(body: Body, observation: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The inverse of `ahead`."""
    x, y = _heading(body, observation)
    return _turned(change, x, -y)


def _heading(body: Body, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine [...] of where the body's x axis points, seen from above."""
    x, y = np.moveaxis(rotation(observation[..., list(body.rotation)])[..., :2, 0], -1, 0)
    norm = np.maximum(np.hypot(x, y), 1e-6)
    return x / norm, y / norm


def _turned(change: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A change by the angle, clockwise, whose cosine and sine [...] are given."""
    first, second, rest = change[..., :1], change[..., 1:2], change[..., 2:]
    x, y = x[..., None], y[..., None]
    return np.concatenate([x * first + y * second, x * second - y * first, rest], axis=-1)


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
