"""Walk an ant over apples and not over bombs (Ant Gather of rllab and HIRO); no goals.

8 apples and 8 bombs lie in a square of 20 m. The ant takes one if its torso is within 1 m, for a
reward of 1 or -1. The episode ends after 500 steps, when all are taken, or when the ant falls.

| observation | size | meaning |
| --- | --- | --- |
| 0-14 | 15 | position of the torso, m; its rotation, a quaternion; the eight joints, rad |
| 15-28 | 14 | velocities of all these, per second |
| 29-38 | 10 | apples: per direction, 1 - distance / 6 m of the nearest one, 0 if there is none |
| 39-48 | 10 | bombs: the same |
| 49 | 1 | number of steps, times 0.01 |

Directions are ten equal bins from -pi to pi, relative to the ant's x axis. A nearer object hides
farther ones of its kind only. Actions: eight torques, as in `walker`.

Kept from the original: coordinates are even numbers from -10 to 8, so objects are not centred.
The sources differ about falls: rllab subtracts 10 (`fall_cost=10`), HRAC continues the episode
(`ends_on_fall=False`), the paper ends the episode and names no cost, as here. A fall is a torso
below 0.2 m or above 1 m, as published. The torso has a radius of 0.25 m, so only a jump counts as a
fall; an ant on its back continues.
"""

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.errors import UsageError
from goalrelay.tasks.ant import scene
from goalrelay.tasks.ant.body import MOTION, POSE, Ant
from goalrelay.tasks.ant.turning import TURNED

REGISTRATIONS: dict[str, dict[str, Any]] = {"goalrelay/AntGather-v0": {"max_episode_steps": 500}}
HALF = 10
"""Half the side of the square, m."""
EACH = 8
"""Number of apples, and of bombs."""
REACH = 1.0
"""Distance within which an object is taken, m."""
RANGE = 6.0
"""Range of the ant's sensor, m."""
BINS = 10
"""Directions of the sensor."""
UPRIGHT = (0.2, 1.0)
"""Range of heights of the torso of an ant that has not fallen, m."""
PLACES = np.array([(x, y) for x in range(-HALF, HALF, 2) for y in range(-HALF, HALF, 2) if x or y])
"""[99, 2] possible positions of objects, m: at least 2 m from the start."""
MARKS = tuple(
    [(f"apple{i}", scene.TARGET) for i in range(EACH)]
    + [(f"bomb{i}", scene.BLOCK) for i in range(EACH)]
)


class Environment(gymnasium.Env[Any, Any]):
    """The environment; see the module.

    Args:
        ends_on_fall: whether a fall ends the episode.
        fall_cost: subtracted from the reward when a fall ends the episode.
        render_mode: `rgb_array`, `depth_array` or `human`.
        width: of pictures, pixels.
        height: of pictures, pixels.

    Raises:
        UsageError: fall_cost is below 0.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["human", "rgb_array", "depth_array"],
        "render_fps": 10,
    }
    reward_type = "counted"
    position_columns: tuple[int, ...] = (0, 1)
    subgoal_range: tuple[float, ...] = (HALF, HALF)
    body = TURNED

    def __init__(
        self,
        ends_on_fall: bool = True,
        fall_cost: float = 0.0,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ):
        if fall_cost < 0:
            raise UsageError(f"fall_cost is what a fall costs, at least 0, not {fall_cost}")
        self.ends_on_fall, self.fall_cost = ends_on_fall, fall_cost
        self.render_mode = render_mode
        marks = (*MARKS, ("subgoal", scene.SUBGOAL))
        self.camera = dict(_CAMERA)
        self.ant = Ant(scene.arena(HALF, marks), self.camera, (width, height))
        self.model, self.data = self.ant.model, self.ant.data  # for viewers
        self.subgoal: tuple[float, float] | None = None
        """[2] position of a hierarchy's sub-goal, m, to be drawn; a reset clears it."""
        size = POSE + MOTION + 2 * BINS + 1
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.action_space = spaces.Box(-scene.TORQUE, scene.TORQUE, (8,), np.float32)
        self.places = np.zeros((2 * EACH, 2))
        """[16, 2] positions of the objects, m: apples first."""
        self.there = np.zeros(2 * EACH, bool)
        """[16] bool, whether each object has not been taken yet."""
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode that depends on nothing but the seed.

        Raises:
            UsageError: options were given; there are none.
        """
        super().reset(seed=seed)
        if options:
            raise UsageError(f"reset option '{next(iter(options))}' is unknown; there are none")
        self.ant.restart(self.np_random)
        self.places = PLACES[self.np_random.choice(len(PLACES), 2 * EACH, replace=False)]
        self.there[:] = True
        self._steps, self.subgoal = 0, None
        return self._observe(self.places - self.ant.pose[:2]), {}

    def step(self, action: np.ndarray):
        """One step of 0.1 s under torques [8], N m."""
        self.ant.move(action)
        self._steps += 1
        offsets = self.places - self.ant.pose[:2]
        taken = self.there & ((offsets * offsets).sum(axis=1) <= REACH * REACH)
        apples, bombs = int(taken[:EACH].sum()), int(taken[EACH:].sum())
        self.there &= ~taken
        fallen = self.ends_on_fall and not UPRIGHT[0] <= self.ant.pose[2] <= UPRIGHT[1]
        reward = float(apples - bombs) - self.fall_cost * fallen
        over = fallen or not self.there.any()
        if self.render_mode == "human":
            self.render()
        return self._observe(offsets), reward, over, False, {"apples": apples, "bombs": bombs}

    def render(self):
        """From above, [height, width, 3] uint8: apples green, bombs orange, the sub-goal pink."""
        heights = np.where(self.there, 0.5, -5.0)  # taken objects are moved below the floor
        marks = {
            name: (*position, height)
            for (name, _), position, height in zip(MARKS, self.places, heights, strict=True)
        }
        marks["subgoal"] = (*self.subgoal, 0.5) if self.subgoal else (0.0, 0.0, -5.0)
        return self.ant.picture(self.render_mode, marks)

    def close(self) -> None:
        """Close the window."""
        self.ant.close()

    def _observe(self, offsets: np.ndarray) -> np.ndarray:
        """The observation [50], from the positions of objects relative to the torso, [16, 2] m."""
        observation = np.zeros(POSE + MOTION + 2 * BINS + 1)
        observation[:POSE] = self.ant.pose
        observation[POSE : POSE + MOTION] = self.ant.motion
        observation[POSE + MOTION : -1] = self.readings(offsets, heading(self.ant.pose[3:7]))
        observation[-1] = 0.01 * self._steps
        return observation

    def readings(self, offsets: np.ndarray, ahead: float) -> np.ndarray:
        """Readings of the sensor: [20], apples first.

        Args:
            offsets: [16, 2] positions of the objects relative to the torso, m.
            ahead: heading of the ant, rad.
        """
        near = 1.0 - np.sqrt((offsets * offsets).sum(axis=1)) / RANGE
        angle = np.arctan2(offsets[:, 1], offsets[:, 0]) - ahead + np.pi
        sector = (angle * (BINS / (2 * np.pi)) // 1).astype(int) % BINS  # [16] bin of each object
        sector[EACH:] += BINS
        readings = np.zeros(2 * BINS)
        np.maximum.at(readings, sector[self.there], near[self.there])
        return readings


_CAMERA = {
    "distance": 29.0,
    "azimuth": 90.0,
    "elevation": -78.0,
    "lookat": np.array((0.0, 0.0, 0.0)),
}


def heading(rotation: np.ndarray) -> float:
    """Angle of the ant's x axis seen from above, rad, from a quaternion [4]."""
    w, x, y, z = rotation.tolist()
    return math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))
