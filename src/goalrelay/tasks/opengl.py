"""Choice of MuJoCo's OpenGL backend for off-screen rendering: EGL, OSMesa, or GLFW on a display.

The choice is made before the first picture. The user's MUJOCO_GL has priority. Otherwise the first
backend that renders a picture in a separate process is used, since a broken driver may crash or
hang.
"""

import importlib
import os
import subprocess
import sys

from goalrelay import install
from goalrelay.errors import UsageError

USUAL = ["egl", "osmesa"]
PROBE_SECONDS = 30
PROBE = """
try:
    import mujoco
    scene = "<mujoco><worldbody><geom size='1'/></worldbody></mujoco>"
    model = mujoco.MjModel.from_xml_string(scene)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = mujoco.Renderer(model, 16, 16)
    renderer.update_scene(data)
    renderer.render()
    renderer.close()
except Exception as error:
    print(f"{type(error).__name__}: {error}".splitlines()[0])
    raise SystemExit(1)
"""


def choose_backend() -> None:
    """Set MuJoCo's backend for off-screen rendering in this process.

    Sets MUJOCO_GL and PYOPENGL_PLATFORM. Gymnasium's renderer reads them when it is made. MuJoCo's
    renderer reads them at import, so that module of MuJoCo is reloaded.

    Raises:
        UsageError: no backend works, or the user's choice does not work.
    """
    if sys.platform != "linux":
        return  # the system's OpenGL renders without a window
    asked = os.environ.get("MUJOCO_GL")
    if asked == "glfw" and not has_display():
        raise UsageError("MUJOCO_GL=glfw draws on a display, and there is none; unset it")
    usual = [*USUAL, "glfw"] if has_display() else USUAL
    complaints = {}
    for name in [asked] if asked else usual:
        complaints[name] = complaint(name)
        if complaints[name] is None:
            _use(name)
            return
    if asked:
        why = f"MUJOCO_GL={asked} cannot draw here ({complaints[asked]})"
        raise UsageError(f"{why}; unset it{needed(asked)}")
    packages = install.packages("egl")
    raise UsageError(f"drawing off-screen needs EGL or OSMesa, and neither works here: {packages}")


def needed(backend: str) -> str:
    """`, or: ` and the command that installs what a backend needs; empty: MuJoCo has no such."""
    if backend in ("egl", "osmesa", "glfw"):
        return f", or: {install.packages(backend)}"
    return ""


def _use(name: str) -> None:
    """Set the environment variables for a backend."""
    os.environ["MUJOCO_GL"] = name
    if name in USUAL:
        os.environ["PYOPENGL_PLATFORM"] = name
    for module in ("mujoco.rendering.classic.gl_context", "mujoco.gl_context"):
        if module in sys.modules:
            importlib.reload(sys.modules[module])


def complaint(backend: str) -> str | None:
    """The error of rendering with a backend in a separate process; None: it works."""
    environment = os.environ | {"MUJOCO_GL": backend}
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {PROBE_SECONDS} s"
    if probe.returncode == 0:
        return None
    return probe.stdout.strip() or f"exit code {probe.returncode}"


def has_display() -> bool:
    """Whether the environment names a display; other systems than Linux need none."""
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
