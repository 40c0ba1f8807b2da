"""Fetch tasks on JAX's device: one step of one world, to be mapped over worlds.

    begin   the state of an episode from what the ordinary task has after its reset
    step    the weld target moves by the action, 20 physics steps, fingers held if blocked
    observe the columns of the ordinary task

A step does what `fetch/simulation.py` does, in the same order. So what it reads after the physics
is as old as there: positions are those of the last physics step, unless the fingers are held.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from mujoco import mjx
from mujoco.mjx.warp import WARP_INSTALLED

from goalrelay.errors import UsageError
from goalrelay.scale.fetch_model import FINGERS, OBJECT, reduce
from goalrelay.tasks.fetch import pick_and_place, push, reach
from goalrelay.tasks.fetch.environment import Environment
from goalrelay.tasks.fetch.scene import DOWN, GRIP, HAND, SUBSTEPS
from goalrelay.tasks.fetch.simulation import TINY
from goalrelay.types import Array, Observation

SCENES = {
    reach.Environment: "reach",
    push.Environment: "push",
    pick_and_place.Environment: "pick_and_place",
}
"""The scene file of each task that runs on a device."""

CONTACTS, ROWS = 32, 256
"""Room for contacts and for rows of constraints in each world, which MJX-Warp needs to know: five
pairs of boxes touch in at most 8 points each, and not all at the same time."""


class Start(NamedTuple):
    """What the ordinary task has after a reset; stacked, [W, ...] for W worlds."""

    qpos: Array
    """[nq] of the reduced scene"""
    qvel: Array
    """[nv]"""
    warmstart: Array
    """[nv] accelerations from which the constraint solver starts"""
    hand: Array
    """[7] position and quaternion of the hand"""
    shown: Observation
    """The first timestep."""


class State(NamedTuple):
    """A world between two steps."""

    data: Any
    """Of MJX."""
    hand: Array
    """[7] position and quaternion of the hand, as the next action starts from it"""


class Fetch:
    """A Fetch task as functions of JAX arrays.

    Args:
        env: the ordinary task, of which the scene is taken.
        worlds: that are simulated at the same time.

    Raises:
        UsageError: a task that does not run on a device.
    """

    def __init__(self, env: Any, worlds: int):
        if type(env) not in SCENES:
            known = ", ".join(f"goalrelay/Fetch{n}-v0" for n in ("Reach", "Push", "PickAndPlace"))
            raise UsageError(f"--scale.physics mjx is for the tasks {known}")
        self._env: Environment = env
        reduced = reduce(SCENES[type(env)], env.begin)
        self._reduced, model = reduced, reduced.model
        kind = implementation()
        sizes: dict[str, Any] = (
            {"naconmax": CONTACTS * worlds, "njmax": ROWS} if kind == "warp" else {}
        )
        self._model = mjx.put_model(model, impl=kind)
        self._blank = mjx.make_data(model, impl=kind, **sizes)
        self._grip, self._hand = model.site(GRIP).id, model.body(HAND).id
        fingers = [model.joint(name.replace("link", "joint")) for name in FINGERS]
        self._finger_qpos = np.array([int(joint.qposadr[0]) for joint in fingers])
        self._finger_dof = np.array([int(joint.dofadr[0]) for joint in fingers])
        self._block: int | None = None
        if env.objects:
            self._block = model.site(OBJECT).id
            self._block_dof = int(model.body(OBJECT).dofadr[0])
        self._dt = SUBSTEPS * model.opt.timestep

    def start(self, shown: Observation) -> Start:
        """What the ordinary task has just after its reset, NumPy.

        Args:
            shown: its first timestep.
        """
        data, hand = self._env.data, self._env.model.body(HAND).id
        vectors = (
            data.qpos[self._reduced.qpos],
            data.qvel[self._reduced.qvel],
            data.qacc_warmstart[self._reduced.qvel],
            np.concatenate((data.xpos[hand], data.xquat[hand])),
        )
        return Start(*(vector.astype(np.float32) for vector in vectors), shown=shown)

    def begin(self, start: Start) -> State:
        """The world of a start."""
        data = self._blank.replace(qpos=start.qpos, qvel=start.qvel, qacc_warmstart=start.warmstart)
        return State(data, start.hand)

    def step(self, state: State, action: Array) -> tuple[State, Array, Array]:
        """One step of 0.04 s.

        Args:
            state: of the world.
            action: [4] in [-1, 1].

        Returns:
            the next state, the observation [O] and the achieved goal [3].
        """
        env, data = self._env, state.data
        target = state.hand[:3] + env.stride * action[:3]
        turned = state.hand[3:] + jnp.array(DOWN)
        data = data.replace(mocap_pos=target[None], mocap_quat=turned[None])
        if self._reduced.model.nu:  # actuators in the order left, right
            change = 0.0 if env.blocked else action[3]
            data = data.replace(ctrl=data.qpos[self._finger_qpos[::-1]] + change)
        data = self._held(data) if env.blocked else self._free(data)
        hand = jnp.concatenate((data.xpos[self._hand], data.xquat[self._hand]))
        return State(data, hand), self._observe(data), self._achieved(data)

    def reached(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Whether goals count as reached, as in the ordinary task: [L, 3], [L, 3] -> [L] bool."""
        distance = np.linalg.norm(achieved - desired, axis=-1)
        return distance < self._env.distance_threshold

    def _free(self, data: Any) -> Any:
        """The physics steps of a step."""
        return jax.lax.fori_loop(0, SUBSTEPS, lambda _, d: mjx.step(self._model, d), data)

    def _held(self, data: Any) -> Any:
        """The physics steps of a step, then the fingers are closed and positions computed again.

        These positions are those of one more physics step, of which nothing else is kept: XLA
        compiles the kinematics once, which takes a quarter of the compilation.
        """

        def substep(number: Array, d: Any) -> Any:
            after = mjx.step(self._model, d)
            closed = after.qpos.at[self._finger_qpos].set(0.0)
            qpos = jnp.where(number == SUBSTEPS - 1, closed, after.qpos)
            kept, extra = (d.qpos, d.qvel, d.qacc_warmstart), number == SUBSTEPS
            new = (qpos, after.qvel, after.qacc_warmstart)
            qpos, qvel, warmstart = jax.tree.map(lambda k, n: jnp.where(extra, k, n), kept, new)
            return after.replace(qpos=qpos, qvel=qvel, qacc_warmstart=warmstart)

        return jax.lax.fori_loop(0, SUBSTEPS + 1, substep, data)

    def _achieved(self, data: Any) -> Array:
        """[3] position of the object, or of the grip in a task without one, m."""
        return data.site_xpos[self._grip if self._block is None else self._block]

    def _observe(self, data: Any) -> Array:
        """[10] or [25]: see `fetch/reach.py` and `fetch/push.py`."""
        grip, fingers = data.site_xpos[self._grip], data.qpos[self._finger_qpos]
        jacobian, _ = mjx.jac(self._model, data, grip, self._hand)
        grip_velocity = data.qvel @ jacobian * self._dt
        finger_velocity = data.qvel[self._finger_dof] * self._dt
        if self._block is None:
            return jnp.concatenate((grip, fingers, grip_velocity, finger_velocity))
        position, rotation = data.site_xpos[self._block], data.site_xmat[self._block]
        motion = data.qvel[self._block_dof : self._block_dof + 6] * self._dt
        return jnp.concatenate(
            (
                grip,
                position,
                position - grip,
                fingers,
                _euler(rotation),
                motion[:3] - grip_velocity,
                rotation @ motion[3:],
                grip_velocity,
                finger_velocity,
            )
        )


def implementation() -> str:
    """`warp` on a GPU of NVIDIA with warp-lang, else `jax`."""
    return "warp" if jax.default_backend() == "gpu" and WARP_INSTALLED else "jax"


def _euler(m: Array) -> Array:
    """[3] Euler angles of a rotation matrix [3, 3], as `simulation.euler`."""
    across = jnp.hypot(m[2, 2], m[1, 2])
    locked = across <= TINY
    first = jnp.where(locked, 0.0, -jnp.arctan2(m[1, 2], m[2, 2]))
    third = jnp.where(locked, -jnp.arctan2(-m[1, 0], m[1, 1]), -jnp.arctan2(m[0, 1], m[0, 0]))
    return jnp.stack((first, -jnp.arctan2(-m[0, 2], across), third))
