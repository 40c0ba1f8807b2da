"""MuJoCo, imported at its first use.

Importing `goalrelay` registers our tasks, so it imports all their files. They take `mujoco` from
this module, so that the import of `goalrelay` is fast, and works where MuJoCo's import fails (with
a wrong MUJOCO_GL). That failure is reported when a task is opened. MuJoCo has no type stubs;
`Model`, `Data` and `Spec` are names for signatures.
"""

import importlib
from typing import Any

Model = Data = Spec = Any
"""`mujoco.MjModel`, `mujoco.MjData`, `mujoco.MjSpec`."""


class _LazyModule:
    """Imports MuJoCo at the first attribute, and caches each attribute."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module("mujoco"), name)
        setattr(self, name, value)
        return value


mujoco: Any = _LazyModule()
