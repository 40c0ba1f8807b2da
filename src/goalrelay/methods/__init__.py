"""ONE FILE = ONE METHOD: relabelling, exploration and network inputs for any learner.

Every module or folder here but those in NOT_METHODS has `METHOD`, a class of `base.Method`.
`goalrelay methods` prints the first line of its docstring.
"""

import functools
import importlib
import pkgutil

from goalrelay.errors import UsageError
from goalrelay.methods.base import Method
from goalrelay.settings import suggest

NOT_METHODS = {"acting", "base", "exploration"}


def names() -> list[str]:
    """The methods: the folder listing is the registry (design law 3)."""
    return [m.name for m in pkgutil.iter_modules(__path__) if m.name not in NOT_METHODS]


@functools.cache
def find(name: str) -> type[Method]:
    """The method of a name.

    Raises:
        UsageError: unknown, with the nearest match.
    """
    if name not in names():
        raise UsageError(f"unknown method '{name}'{suggest(name, names())}")
    method: type[Method] = importlib.import_module(f"{__name__}.{name}").METHOD
    return method
