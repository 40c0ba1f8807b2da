"""A MuJoCo model as a scene in the browser, with viser.

Geoms of the groups 0 to 2 are shown in their colours, as MuJoCo's viewer does at first. A texture
is its mean colour. Height fields, skins, tendons and sites are not drawn. The geoms of one body
with one colour are one mesh. A step sends the poses that changed.
"""

from collections import defaultdict
from typing import Any, TypeAlias

import numpy as np
import trimesh
import viser

from goalrelay.tasks.late import mujoco

SHOWN_GROUPS = 3
"""Geoms of higher groups are hidden, as in MuJoCo's viewer: collision shapes."""
LEAST_OPACITY = 0.15
"""Geoms that are more transparent are not drawn, such as the axes at the Fetch robot's hand."""
DEFAULT_RGBA = (0.5, 0.5, 0.5, 1.0)
"""Colour of a geom that sets none, for which its material's counts."""
FLAT = 1e-3
"""Thickness of a plane, as a fraction of its smaller side."""

Colour: TypeAlias = tuple[float, float, float, float]
"""Red, green, blue and opacity, from 0 to 1."""


class Scene:
    """The bodies of a model on a page.

    Args:
        server: of the page.
        model: an `MjModel`.
    """

    def __init__(self, server: viser.ViserServer, model: Any):
        self._server, self._model = server, model
        self._shown = mujoco.MjData(model)
        self._handles: list[tuple[int, Any]] = []
        self._poses = np.empty((0, 7))
        self._drawn = b""

    def update(self, data: Any) -> None:
        """Show the bodies where an `MjData` has them.

        Shapes and colours that a reset changed are drawn anew.
        """
        look = _look(self._model)
        if look != self._drawn:
            self._draw()
            self._drawn = look
        place(self._model, data, self._shown)
        poses = np.concatenate([self._shown.xpos, self._shown.xquat], axis=1)
        moved = np.abs(poses - self._poses).max(axis=1) > 1e-6
        with self._server.atomic():
            for body, handle in self._handles:
                if moved[body]:
                    handle.position, handle.wxyz = poses[body, :3], poses[body, 3:]
        self._poses = poses

    def _draw(self) -> None:
        """Make the meshes."""
        for _, handle in self._handles:
            handle.remove()
        self._handles = []
        self._poses = np.full((self._model.nbody, 7), np.inf)
        for number, ((body, rgba), mesh) in enumerate(_meshes(self._model).items()):
            handle = self._server.scene.add_mesh_simple(
                f"/bodies/{number}",
                mesh.vertices,
                mesh.faces,
                color=rgba[:3],
                opacity=None if rgba[3] >= 1 else rgba[3],
                flat_shading=True,
                side="double",
                cast_shadow=rgba[3] >= 1,
            )
            self._handles.append((body, handle))


def place(model: Any, data: Any, shown: Any) -> None:
    """Compute where bodies and sites are now, in another `MjData`.

    In `data` itself they may lag behind a step, and tasks read them: it is not touched.
    """
    shown.qpos[:], shown.mocap_pos[:] = data.qpos, data.mocap_pos
    shown.mocap_quat[:] = data.mocap_quat
    mujoco.mj_kinematics(model, shown)


def _look(model: Any) -> bytes:
    """All of a model that `_meshes` draws and that a reset may change."""
    arrays = (model.geom_size, model.geom_pos, model.geom_quat, model.geom_rgba)
    return b"".join(array.tobytes() for array in arrays)


def _meshes(model: Any) -> dict[tuple[int, Colour], trimesh.Trimesh]:
    """The geoms of each body and colour as one mesh in the body's frame."""
    parts: dict[tuple[int, Colour], list[trimesh.Trimesh]] = defaultdict(list)
    for geom in range(model.ngeom):
        rgba = _colour(model, geom)
        seen = model.geom_group[geom] < SHOWN_GROUPS and rgba[3] >= LEAST_OPACITY
        shape = _shape(model, geom) if seen else None
        if shape is not None:
            place = np.eye(4)
            rotation = np.empty(9)
            mujoco.mju_quat2Mat(rotation, model.geom_quat[geom])
            place[:3, :3], place[:3, 3] = rotation.reshape(3, 3), model.geom_pos[geom]
            shape.apply_transform(place)
            parts[int(model.geom_bodyid[geom]), rgba].append(shape)
    joined: Any = trimesh.util.concatenate
    return {key: joined(shapes) for key, shapes in parts.items()}


def _shape(model: Any, geom: int) -> trimesh.Trimesh | None:
    """The mesh of a geom in its own frame; None: a kind that is not drawn."""
    kinds, size, make = mujoco.mjtGeom, model.geom_size[geom], trimesh.creation
    kind = kinds(int(model.geom_type[geom]))
    if kind == kinds.mjGEOM_PLANE:  # size 0: without end
        sides = np.where(size[:2] > 0, 2 * size[:2], 6 * model.stat.extent)
        box = make.box((*sides, FLAT * sides.min()))
        return box.apply_translation((0, 0, -FLAT * sides.min() / 2))
    if kind == kinds.mjGEOM_BOX:
        return make.box(2 * size)
    if kind in (kinds.mjGEOM_SPHERE, kinds.mjGEOM_ELLIPSOID):
        radii = size if kind == kinds.mjGEOM_ELLIPSOID else np.repeat(size[0], 3)
        return make.icosphere(subdivisions=3).apply_scale(radii)
    if kind == kinds.mjGEOM_CAPSULE:
        return make.capsule(radius=size[0], height=2 * size[1], count=(16, 16))
    if kind == kinds.mjGEOM_CYLINDER:
        return make.cylinder(radius=size[0], height=2 * size[1])
    if kind in (kinds.mjGEOM_MESH, kinds.mjGEOM_SDF):
        mesh = int(model.geom_dataid[geom])
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        face, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        vertices = model.mesh_vert[first : first + count]
        return trimesh.Trimesh(vertices, model.mesh_face[face : face + faces], process=False)
    return None


def _colour(model: Any, geom: int) -> Colour:
    """The colour of a geom: its own, or that of its material."""
    rgba, material = model.geom_rgba[geom], int(model.geom_matid[geom])
    if material >= 0 and np.allclose(rgba, DEFAULT_RGBA):
        rgba = model.mat_rgba[material].copy()
        textures = model.mat_texid[material]
        if (textures >= 0).any():
            rgba[:3] *= _mean_colour(model, int(textures[textures >= 0][0]))
    red, green, blue, opacity = rgba.astype(float).clip(0, 1).round(4).tolist()
    return red, green, blue, opacity


def _mean_colour(model: Any, texture: int) -> np.ndarray:
    """Mean red, green and blue [3] of a texture, from 0 to 1."""
    first, channels = int(model.tex_adr[texture]), int(model.tex_nchannel[texture])
    count = int(model.tex_height[texture]) * int(model.tex_width[texture]) * channels
    pixels = model.tex_data[first : first + count].reshape(-1, channels)
    return np.broadcast_to(pixels[:, :3].mean(axis=0) / 255, (3,))
