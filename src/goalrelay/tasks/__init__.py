"""The tasks: any Gymnasium environment by id, and our own under `goalrelay/`.

ONE FILE = ONE TASK. A module in a folder of this package that has `REGISTRATIONS` is a task, or a
family of them; importing `goalrelay` registers them all with Gymnasium. `gym_task.open_task` turns
an id into a `Task`.
"""

import importlib
import pkgutil
from types import ModuleType

import gymnasium


def own_tasks() -> dict[str, ModuleType]:
    """Our own tasks by id: the folder listing is the registry (design law 3)."""
    found = {}
    for info in pkgutil.walk_packages(__path__, f"{__name__}."):
        module = importlib.import_module(info.name)
        found.update(dict.fromkeys(getattr(module, "REGISTRATIONS", ()), module))
    return found


def register() -> None:
    """Make our tasks known to Gymnasium; harmless when repeated."""
    for task_id, module in own_tasks().items():
        if task_id not in gymnasium.registry:
            entry = f"{module.__name__}:Environment"  # a name, which a dataset can store
            gymnasium.register(task_id, entry, **module.REGISTRATIONS[task_id])
