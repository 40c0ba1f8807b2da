"""A policy that acts in a task on a page: the episodes, in real time, and what the page changes."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import viser

from goalrelay.data.rollout import Moment, Simulator
from goalrelay.methods.base import Act
from goalrelay.report.acting import Acting, acting
from goalrelay.report.viewer import camera_of, simulation
from goalrelay.report.web.goals import GoalSetter, places
from goalrelay.report.web.markers import Markers
from goalrelay.report.web.panel import Panel
from goalrelay.report.web.scene import Scene
from goalrelay.tasks.late import mujoco
from goalrelay.train.policy import Policy

IDLE = 0.05
"""Seconds between two looks at whether a page is open."""
FRAME = 0.02
"""Least seconds between two pictures while time runs."""
MARKER = 0.01
"""Radius of a goal's marker, as a fraction of the camera's distance."""
NO_HANDLE = "cannot be dragged: it is not the position of a body or a site"


class Page:
    """A policy that acts in a task, on a page.

    An episode ends as in a test, at the time limit or where the task ends it. One in which the
    person has changed something has no time limit.

    Args:
        server: of the page.
        policy: that acts.
        task: a MuJoCo task.
        path: of the policy, to be shown.
    """

    def __init__(self, server: viser.ViserServer, policy: Policy, task: Simulator, path: Path):
        self._server, self._policy, self._task, self._path = server, policy, task, path
        found = simulation(task.env)
        assert found is not None, "a MuJoCo task"
        self._model, self._data = found
        self._places = places(task, *found)
        self._goal = GoalSetter(task)
        self._observation = task.reset(0)
        staged = policy.evaluated_stage(self._observation) is not None
        names = [stage.name for stage in policy.spec.stages] if staged else []
        free = self._model.jnt_type == mujoco.mjtJoint.mjJNT_FREE
        self._objects = np.flatnonzero(free)
        bodies = [self._model.body(body).name for body in self._model.jnt_bodyid[free]]
        self._panel = Panel(server, names if len(names) > 1 else (), bodies)
        server.scene.configure_default_lights(cast_shadow=False)  # slow, and coarse in large scenes
        self._scene = Scene(server, self._model)
        radius, request = MARKER * self._aim(), self._panel.request
        self._markers = Markers(server, self._places, radius, request, self._drag)
        self._changed = False
        self._subgoal: np.ndarray | None = None
        self._reached: bool | None = None
        self._about: dict[str, str] = {}
        self._due = self._last = 0.0
        """When the next step is due, and when the last picture was sent; s."""

    def episode(self, seed: int) -> None:
        """One episode, to its end or until another one is asked for.

        Raises:
            TaskFailed: the environment failed.
        """
        task, panel = self._task, self._panel
        self._goal.goal, panel.new_episode = None, False
        self._changed = panel.stage is not None
        self._subgoal = self._reached = None
        task.moment = Moment(seed, 0, time.monotonic())
        self._observation = task.reset(seed, evaluation=True)
        act, stage, number, ended = self._policy.act(panel.stage), panel.stage, 0, False
        began = self._data.time
        while not ended:
            self._about = {
                "episode": f"seed {seed}, step {number}, {self._data.time - began:.2f} s"
            }
            if panel.paused or time.perf_counter() - self._last > FRAME:
                self._show()
            self._wait()
            if panel.new_episode:
                break
            if panel.stage != stage:
                act, stage = self._policy.act(panel.stage), panel.stage
            number += 1
            task.moment = Moment(seed, number, time.monotonic())
            ended = self._step(act)
        task.moment = Moment()

    def _step(self, act: Act) -> bool:
        """One step; whether the episode ends there."""
        before = self._data.time
        observation = self._observation
        decision = act(observation)
        self._subgoal = self._policy.subgoal_position(observation, decision)
        shown, reward, terminated, truncated, info = self._task.step(decision)
        self._observation = self._goal.shown(shown)
        self._reached = self._goal.reached(self._observation, info, reward)
        self._due += max(self._data.time - before, 0.0) / self._panel.speed
        return terminated or (truncated and not self._changed)

    def _wait(self) -> None:
        """Wait for the time of the next step; do what the page asks for meanwhile."""
        panel = self._panel
        while not panel.new_episode:
            held = not panel.steps if panel.paused else not self._server.get_clients()
            now = time.perf_counter()
            if not held and self._due <= now:
                break
            if panel.take(IDLE if held else self._due - now):
                self._apply()
                self._show()
        panel.steps = max(panel.steps - 1, 0) if panel.paused else 0
        self._due = max(self._due, time.perf_counter() - IDLE)  # what is late is not made up for

    def _apply(self) -> None:
        """Move the objects that the person has asked to move."""
        self._changed |= bool(self._panel.pushes) or self._panel.stage is not None
        for number, direction in self._panel.pushes:
            joint = int(self._objects[number])
            of_body = self._model.geom_bodyid == self._model.jnt_bodyid[joint]
            radius = self._model.geom_rbound[of_body].max(initial=0.0) or 0.1
            first = int(self._model.jnt_qposadr[joint])
            self._data.qpos[first : first + 3] += radius * np.array(direction)
        self._panel.pushes = []

    def _drag(self, number: int, position: np.ndarray) -> None:
        """Pursue a goal that the person has dragged."""
        self._changed = True
        self._goal.set(self._places[number].put(self._observation.desired, position))
        self._observation = self._goal.shown(self._observation)

    def _show(self) -> None:
        """Show the timestep."""
        self._last = time.perf_counter()
        observation = self._observation
        now = acting(self._policy, observation, stage=self._panel.stage)
        self._scene.update(self._data)
        self._markers.update(observation.desired, now._replace(subgoal=self._subgoal))
        self._panel.say(self._texts(now))

    def _texts(self, now: Acting) -> dict[str, str]:
        """What is said beside the scene."""
        spec, observation = self._task.spec, self._observation
        texts = {"run": str(self._path), "task": self._task.id, **self._about}
        if now.number is not None and len(self._policy.spec.stages) > 1:
            texts["stage"] = f"{now.stage}, guides" if now.guides else now.stage
        if spec.goal_size:
            achieved = observation.achieved[: spec.goal_size]
            texts["distance"] = f"{np.linalg.norm(achieved - observation.desired):.3f}"
            if self._reached is not None:
                texts["goal"] = "reached" if self._reached else "not reached"
            if not self._places:
                texts["the goal"] = NO_HANDLE
        return texts

    def _aim(self) -> float:
        """Set the first view of the page to the environment's camera; its distance."""
        camera, model = camera_of(self._task.env), self._model
        distance = float(camera.get("distance", 1.5 * model.stat.extent))
        around = math.radians(camera.get("azimuth", 90.0))
        down = math.radians(camera.get("elevation", -45.0))
        middle = np.array(camera.get("lookat", model.stat.center), float)
        ahead = np.array(
            (
                math.cos(down) * math.cos(around),
                math.cos(down) * math.sin(around),
                math.sin(down),
            )
        )
        view: Any = self._server.initial_camera
        view.position, view.look_at = middle - distance * ahead, middle
        view.fov = math.radians(model.vis.global_.fovy)
        return distance
