"""The tasks: any Gymnasium environment by its id, and our own with ids `goalrelay/...`.

ONE FILE = ONE TASK. A module in a folder of this package that has `REGISTRATIONS` is a task, or a
family of tasks; importing `goalrelay` registers them all with Gymnasium. `goal_task.open_task`
makes a `Simulator` from an id.
"""

import importlib
import pkgutil
from types import ModuleType

import gymnasium


def own_tasks() -> dict[str, ModuleType]:
    """Our own tasks, id -> module. The folder listing is the registry (design law 3)."""
    found = {}
    for info in pkgutil.walk_packages(__path__, f"{__name__}."):
        module = importlib.import_module(info.name)
        found.update(dict.fromkeys(getattr(module, "REGISTRATIONS", ()), module))
    return found


def register() -> None:
    """Register our tasks with Gymnasium; a second call does nothing."""
    for task_id, module in own_tasks().items():
        if task_id not in gymnasium.registry:
            entry = f"{module.__name__}:Environment"  # a string, which a dataset can store
            gymnasium.register(task_id, entry, **module.REGISTRATIONS[task_id])
