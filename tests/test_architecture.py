"""Who may use whom: data flows one way, and a reader can follow it.

The source is read as syntax trees. Every permission below is used by some file: one that is not
needed any more fails the test, as does a file or a folder that has no place here.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import goalrelay

SOURCE = Path(goalrelay.__file__).parent

MAY_IMPORT: dict[str, set[str]] = {
    "types": set(),
    "errors": set(),
    "install": {"errors"},
    "interrupts": set(),
    "renamed": set(),
    "settings": {"errors", "renamed"},
    "files": {"errors"},
    "data": {"types", "errors"},
    "tasks": {
        "types",
        "errors",
        "install",
        "settings",
        "data.interface",
        "data.rollout",
        "data.spaces",
    },
    "learners": {"types", "errors", "settings"},
    "methods": {"types", "errors", "settings", "data", "tasks.symmetry", "learners.weights"},
    "demos": {"types", "errors", "install", "settings", "data.finite", "data.rollout", "tasks"},
    "scale": {
        "types",
        "errors",
        "install",
        "data",
        "tasks.fetch.environment",
        "tasks.fetch.pick_and_place",
        "tasks.fetch.push",
        "tasks.fetch.reach",
        "tasks.fetch.scene",
        "tasks.fetch.simulation",
        "tasks.late",
        "learners",
        "methods",
    },
    "train": {
        "types",
        "errors",
        "install",
        "settings",
        "files",
        "data",
        "tasks.goal_task",
        "tasks.inspect.found",
        "tasks.symmetry_data",
        "learners",
        "methods",
        "demos.load",
        "scale",
    },
    "report": {
        "types",
        "errors",
        "install",
        "settings",
        "files",
        "data.rollout",
        "demos.dataset",
        "methods.base",
        "methods.relay.stages",
        "tasks.late",
        "tasks.opengl",
        "train",
    },
    "__init__": {
        "types",
        "errors",
        "interrupts",
        "tasks",
        "tasks.column_kinds",
        "tasks.structure",
        "train.policy",
        "train.session",
    },
    "cli": {
        "__init__",
        "errors",
        "install",
        "interrupts",
        "renamed",
        "settings",
        "data.rollout",
        "tasks.goal_task",
        "tasks.inspect.found",
        "tasks.inspect.report",
        "methods",
        "scale.address",
        "demos",
        "train",
        "report",
    },
}
"""For every folder and file of the package, in the order of the flow of data: what it may import
of those above it. A name of a folder stands for all of it; `tasks` for its list of tasks alone."""
WHOLE = set(MAY_IMPORT) - {"tasks"}

MAY_USE_JAX: dict[str, set[str]] = {
    "train/loop.py": {"jax.random.key", "jax.random.fold_in"},  # keys
    "train/session.py": {"jax.config.update"},  # configuration
    "train/checkpoint.py": {  # names of the arrays in a tree
        "jax.tree_util.keystr",
        "jax.tree_util.tree_leaves_with_path",
        "jax.tree_util.tree_map_with_path",
    },
}
"""What files outside `learners` may use of JAX: nothing that computes on tensors."""

MAY_COMPUTE = {"scale/mjx.py", "scale/mjx_acting.py", "scale/mjx_fetch.py"}
"""Files outside `learners` that compute on tensors: physics on JAX's device."""

MAY_UNPICKLE = {"demos/baselines.py"}
"""Their files are pickled, and must be said to be trusted."""

HEAVY = (
    "rich",
    "tyro",
    "matplotlib",
    "pygame",
    "minari",
    "wandb",
    "imageio",
    "orbax",
    "viser",
    "optuna",
    "ray",
)
"""What only the command line, a picture or an extra needs."""

LONGEST_FILE, MOST_PARAMETERS = 400, 6


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    """tasks/fetch/push.py"""
    return path.relative_to(SOURCE).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def modules() -> set[str]:
    """All modules, as they are imported, without the package: `tasks.fetch.push`, `tasks`."""
    dotted = {name_of(path).removesuffix(".py").replace("/", ".") for path in files()}
    return {name.removesuffix(".__init__") for name in dotted}


def unit(module: str) -> str:
    return module.partition(".")[0]


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports, absolute: `goalrelay.tasks.goal_task`, `jax`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def own_imports(path: Path) -> set[str]:
    """Our modules that a file imports; an imported name stands for the module that has it."""
    known, found = modules(), set()
    for name in imported_modules(parsed(path)):
        package, _, inner = name.partition(".")
        if package != "goalrelay":
            continue
        module = inner if inner in known else inner.rpartition(".")[0]
        found.add(module or "__init__")
    return found


def permission(module: str, allowed: set[str]) -> str | None:
    """The permission under which a module may be imported."""
    if module in allowed:
        return module
    return unit(module) if unit(module) in allowed & WHOLE else None


def test_every_folder_and_file_has_its_place_in_the_flow_of_data() -> None:
    units = {unit(name_of(path).removesuffix(".py").replace("/", ".")) for path in files()}
    assert units == set(MAY_IMPORT)
    order = list(MAY_IMPORT)
    for name, allowed in MAY_IMPORT.items():
        before = set(order[: order.index(name)])
        assert {unit(module) for module in allowed} <= before, f"{name} imports what comes later"


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_part_imports_what_it_may_and_needs_every_permission(name: str) -> None:
    used = set()
    for path in files():
        if unit(name_of(path).removesuffix(".py").replace("/", ".")) != name:
            continue
        for module in own_imports(path):
            if unit(module) == name:
                continue
            found = permission(module, MAY_IMPORT[name])
            assert found is not None, f"{name_of(path)} imports {module}"
            used.add(found)
    assert used == MAY_IMPORT[name], f"{name} does not need {MAY_IMPORT[name] - used}"


def dotted(node: ast.expr) -> str | None:
    """`jax.random.key` of the tree of that expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr}"
    return None


def used_of(libraries: set[str], path: Path) -> set[str]:
    """What a file uses of libraries, by its full name, whatever names it imports them under."""
    tree, names, found = parsed(path), dict[str, str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if unit(alias.name) in libraries:
                    names[alias.asname or unit(alias.name)] = (
                        alias.name if alias.asname else unit(alias.name)
                    )
                    if "." in alias.name:
                        found.add(alias.name)
        elif isinstance(node, ast.ImportFrom) and unit(node.module or "") in libraries:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                found.add(f"{node.module}.{alias.name}")
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            first, dot, rest = (dotted(node) or "").partition(".")
            if first in names:
                found.add(names[first] + dot + rest)
    return found


def test_only_learners_compute_on_tensors_and_others_use_what_jax_they_need() -> None:
    for path in files():
        if unit(name_of(path).replace("/", ".")) == "learners":
            continue
        used = used_of({"jax", "jaxlib", "optax", "flax"}, path)
        if name_of(path) in MAY_COMPUTE:
            assert used, name_of(path)
            continue
        assert used == MAY_USE_JAX.get(name_of(path), set()), name_of(path)
    assert set(MAY_USE_JAX) | MAY_COMPUTE <= {name_of(path) for path in files()}


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import jax\njax.random.key(0)", {"jax.random.key"}),
        ("import jax.numpy as jnp\njnp.ones(3)", {"jax.numpy", "jax.numpy.ones"}),
        ("from jax import numpy as n\nn.ones(3)", {"jax.numpy", "jax.numpy.ones"}),
        ("import numpy\nnumpy.ones(3)\nPACKAGES = ('jax', 'optax')", set()),
        ("def f():\n    import optax\n    return optax.adam", {"optax.adam"}),
    ],
)
def test_use_of_tensors_is_found_under_any_name(
    source: str, used: set[str], tmp_path: Path
) -> None:
    (tmp_path / "one.py").write_text(source)
    assert used_of({"jax", "optax"}, tmp_path / "one.py") == used


def identifiers(tree: ast.Module) -> Iterator[str]:
    """Names that a file uses, of modules, functions and parameters; no comments, no texts."""
    yield from imported_modules(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def test_nothing_is_pickled() -> None:
    found = {
        name_of(path)
        for path in files()
        if any("pickle" in identifier for identifier in identifiers(parsed(path)))
    }
    assert found == MAY_UNPICKLE


def test_importing_the_library_imports_nothing_that_only_some_need() -> None:
    code = f"import sys, goalrelay; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_stay_readable() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files()}
    assert not {name: count for name, count in lengths.items() if count > LONGEST_FILE}


def parameters(node: Any) -> int:
    """Of a function, all kinds of them; `self` and `cls` do not count."""
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    gathered = [one for one in (given.vararg, given.kwarg) if one is not None]
    return len([one for one in named if one.arg not in ("self", "cls")]) + len(gathered)


def test_a_function_takes_at_most_six_values() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in files()
        for node in ast.walk(parsed(path))
        if isinstance(node, functions) and parameters(node) > MOST_PARAMETERS
    ]
    assert not found, f"a seventh means a missing value: {found}"
