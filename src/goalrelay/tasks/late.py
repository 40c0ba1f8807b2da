"""MuJoCo, imported when it is first used.

Importing `goalrelay` registers our tasks and so imports every file of them. Taking
`mujoco` from here keeps that quick, and leaves an installation that cannot draw (a wrong MUJOCO_GL
fails at import) to be reported when a task is opened. MuJoCo has no types for a checker; `Model`,
`Data` and `Spec` name them in signatures.
"""

import importlib
from typing import Any

Model = Data = Spec = Any
"""`mujoco.MjModel`, `mujoco.MjData`, `mujoco.MjSpec`."""


class _Late:
    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module("mujoco"), name)
        setattr(self, name, value)
        return value


mujoco: Any = _Late()
