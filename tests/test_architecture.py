"""Who may import whom: data flows one way, and a reader can follow it."""

import ast
from pathlib import Path

import goalrelay

SOURCE = Path(goalrelay.__file__).parent
BASE = {"types", "errors", "settings"}
ALLOWED: dict[str, set[str]] = {
    "types": set(),
    "errors": set(),
    "settings": {"errors"},
    "files": {"errors"},
    "checkpoint": {"errors", "files"},
    "networks": {"types"},
    "normalizer": {"types"},
    "tasks": BASE | {"symmetry"},
    "exploration": BASE,
    "replay": BASE,
    "relabel": BASE | {"replay"},
    "collect": BASE | {"tasks"},
    "learners": BASE | {"networks", "normalizer"},
    "goals": BASE,
    "priority": BASE | {"replay"},
    "symmetry": BASE,
    "encoding": BASE,
    "methods": BASE
    | {"encoding", "relabel", "replay", "exploration", "goals", "priority", "symmetry"},
    "level": BASE | {"learners", "methods", "networks", "normalizer"},
    "demos": BASE | {"collect", "files", "policy", "tasks"},
    "policy": BASE | {"files", "goals", "learners", "methods", "networks", "normalizer"},
    "evaluation": BASE | {"collect", "policy"},
    "window": {"types", "evaluation"},
}
TOP = {
    "experiment",
    "trainer",
    "run",
    "logbook",
    "observer",
    "session",
    "sweep",
    "cli",
    "report",
    "__init__",
}


def part(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Our own parts that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = node.module.split(".")
            if names[0] == "goalrelay":
                found |= {names[1]} if len(names) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("goalrelay.")}
    return found


def test_every_part_imports_only_what_it_may() -> None:
    for path in SOURCE.rglob("*.py"):
        if part(path) in TOP:
            continue
        assert part(path) in ALLOWED, f"{path.name} has no place in the architecture"
        extra = imports(path) - ALLOWED[part(path)] - {part(path)}
        assert not extra, f"{path.relative_to(SOURCE)} imports {sorted(extra)}"


def test_only_networks_normalizer_and_learners_compute_on_tensors() -> None:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        if part(path) not in {"networks", "normalizer", "learners"}:
            assert "jax.numpy" not in text, f"{path.relative_to(SOURCE)} uses jax.numpy"
            assert "optax" not in text.replace('"optax"', ""), path


def test_nothing_is_pickled() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.name == "baselines.py":  # their files are, and must be said to be trusted
            continue
        text = path.read_text()
        assert "pickle" not in text, f"{path.relative_to(SOURCE)} mentions pickle"


def test_files_stay_readable() -> None:
    for path in SOURCE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, f"{path.name} is too long to be one thing"
