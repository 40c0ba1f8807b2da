"""The reduced Fetch scenes move like the full ones."""

from typing import Any

import numpy as np
import pytest

from goalrelay.scale.fetch_model import FINGERS, reduce
from goalrelay.tasks.fetch import pick_and_place, push, reach
from goalrelay.tasks.fetch.scene import GRIP, HAND, SUBSTEPS
from goalrelay.tasks.late import mujoco

SCENES: dict[str, Any] = {"reach": reach, "push": push, "pick_and_place": pick_and_place}


@pytest.mark.parametrize("name", SCENES)
def test_the_hand_moves_as_in_the_full_scene(name: str) -> None:
    full = SCENES[name].Environment()
    full.reset(seed=3)
    model, qpos, qvel = reduce(name, full.begin)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = full.data.qpos[qpos], full.data.qvel[qvel]
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(data.site(GRIP).xpos, full.grip, atol=1e-9)
    hand, fingers = model.body(HAND).id, [model.geom(f).id for f in FINGERS]
    assert (model.geom_conaffinity[fingers] > 0).all()
    assert mujoco.mjtGeom.mjGEOM_MESH not in model.geom_type
    for action in np.random.default_rng(0).uniform(-1, 1, (10, 3)):
        full.step(np.array((*action, 0.0)))
        data.mocap_pos[0] = data.xpos[hand] + full.stride * action
        data.mocap_quat[0] = data.xquat[hand] + (1, 0, 1, 0)
        if model.nu:
            data.ctrl[:] = [data.joint(f"robot0:{s}_gripper_finger_joint").qpos[0] for s in "lr"]
        mujoco.mj_step(model, data, nstep=SUBSTEPS)
    np.testing.assert_allclose(data.site(GRIP).xpos, full.grip, atol=5e-3)
