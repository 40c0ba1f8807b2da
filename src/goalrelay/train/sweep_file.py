"""The file of a sweep: variants, tasks, a grid of values, seeds -> checked experiments.

    method = "relay"                  # the words of `goalrelay train`
    task = "FetchPush-v4"
    seeds = [0, 1, 2]

    [options]                         # of every run, by the names of the command line
    episodes = 400

    [grid]                            # every combination
    "learner.polyak" = [0.75, 0.95]

    [variants.default]                # each of these, with the options that it changes
    [variants.uniform]
    "method.priority" = "uniform"

    [tasks.FetchPush]                 # each of these
    [tasks.FetchSlide]
    task = "FetchSlide-v4"

The runs are the product: variants x grid x tasks x seeds. docs/sweeps.md describes every key.
"""

import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from goalrelay.errors import UsageError
from goalrelay.settings import suggest
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment

NAME = r"[\w-]+"
"""Of a step of `prepare`, which is the name of a folder."""
HEAD = ("method", "task", "learner", "preset")
TABLES = ("options", "grid", "variants", "tasks", "prepare")
TEXTS = ("about", "notes", "published")
"""For pages about the sweep (benchmarks/tables.py); no run depends on them."""
KEYS = (*HEAD, "seeds", "folder", "others", "results", *TABLES, *TEXTS)
PREPARED = Path("runs/demonstrations")
"""Folder of what the steps of `prepare` make."""


class Planned(NamedTuple):
    """One run of a sweep."""

    variant: str
    """Variant and task, as in the summary."""
    name: str
    """Its folder inside the sweep's."""
    experiment: AnyExperiment


class Plan(NamedTuple):
    """A sweep file, read and checked."""

    runs: list[Planned]
    prepare: Mapping[str, str] = {}
    """Name of a folder -> words of the `goalrelay` command that makes it, in order."""
    others: int = 0
    """Episodes of a last evaluation of each finished run's best policy; 0: none."""
    results: Path | None = None
    """Folder to which the small files of each run are copied."""


def read(
    path: Path,
    seeds: Sequence[int] = (),
    tasks: Sequence[str] = (),
    variants: Sequence[str] = (),
) -> Plan:
    """The runs of a sweep file, after a check of all their options.

    Args:
        path: the file.
        seeds: replace the seeds of the file.
        tasks: names of the tasks to run; empty: all.
        variants: names of the variants to run; empty: all.

    Raises:
        UsageError: an entry that cannot work; the message names the file and the entry.
    """
    plan = load(path)
    try:
        for key, chosen in (("tasks", tasks), ("variants", variants)):
            plan[key] = {name: _entry(plan, key, name) for name in chosen or plan[key]}
        runs = list(_planned(plan, seeds))
        for name, command in plan["prepare"].items():
            _check_step(plan["prepare"], name, command)
        names = [planned.name for planned in runs]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"two runs would be {twice[0]}")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    results = Path(plan["results"]) if "results" in plan else None
    return Plan(runs, plan["prepare"], plan["others"], results)


def load(path: Path) -> dict[str, Any]:
    """The keys of a sweep file; a table that the file lacks is empty.

    Raises:
        UsageError: not a sweep file.
    """
    plan = tables(path, KEYS, TABLES)
    plan = {"folder": "{label}/seed-{seed}", "others": 0, "seeds": [0]} | plan
    for key, kind in (("folder", str), ("results", str), ("others", int)):
        if not isinstance(plan.get(key, kind()), kind):
            raise UsageError(f"{path}: '{key}' must be a {'text' if kind is str else 'number'}")
    return plan


def tables(path: Path, keys: Sequence[str], named: Sequence[str]) -> dict[str, Any]:
    """The keys of a TOML file.

    Args:
        path: the file.
        keys: those that it may have.
        named: those of them that are tables; one that the file lacks is empty.

    Raises:
        UsageError: it cannot be read, or has another key, or a table is none.
    """
    try:
        plan = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, ValueError, RecursionError) as error:  # of TOML, of UTF-8
        raise UsageError(f"cannot read {path}: {error}") from None
    for key in plan:
        if key not in keys:
            raise UsageError(f"{path}: unknown key '{key}'{suggest(key, keys)}")
    for key in named:
        if not isinstance(plan.setdefault(key, {}), dict):
            raise UsageError(f"{path}: '{key}' must be a table")
    return plan


def _check_step(prepare: Mapping[str, Any], name: str, command: Any) -> None:
    """Refuse a step of `prepare` that cannot be started."""
    if not re.fullmatch(NAME, name):
        raise UsageError(f"prepare '{name}' cannot be the name of a folder")
    if not isinstance(command, str) or not command.strip():
        raise UsageError(f"prepare '{name}' must be a text: the words of a goalrelay command")
    try:
        shlex.split(filled(command, prepare))
    except ValueError as error:  # of quotes that are not closed
        raise UsageError(f"prepare '{name}' cannot be read: {error}: {command}") from None


def _entry(plan: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """The options that one variant or task changes."""
    kind = key.removesuffix("s")
    if name not in plan[key]:
        raise UsageError(f"no {kind} '{name}'{suggest(name, plan[key])}")
    if not isinstance(plan[key][name], dict):
        raise UsageError(f"{kind} '{name}' must be a table")
    if "/" in name or name.startswith("."):
        raise UsageError(f"{kind} '{name}' cannot be the name of a folder")
    return plan[key][name]


def _planned(plan: dict[str, Any], only: Sequence[int]) -> Iterator[Planned]:
    """Every combination of variant, grid point, task and seed; `only` replaces the seeds."""
    variants = plan["variants"] or {("" if plan["tasks"] else "default"): {}}
    tasks = plan["tasks"] or {"": {}}
    for variant, point, task in itertools.product(variants, _points(plan["grid"]), tasks):
        change = variants[variant] | tasks[task]
        word = "_".join([*filter(None, [variant]), *map(_word, point, point.values())])
        label = "/".join(filter(None, [word, task]))
        seeds = change.get("seeds", plan["seeds"])
        check_seeds(seeds)
        for seed in only or seeds:
            name = _folder(plan["folder"], variant=word, task=task, label=label, seed=seed)
            yield Planned(label, name, experiment_of(plan, point | change, seed))


def check_seeds(seeds: Any) -> None:
    """Refuse what is not a list of seeds."""
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int for seed in seeds):
        raise UsageError("'seeds' must be a list of whole numbers")


def _folder(template: str, **values: str | int) -> str:
    """The folder of a run, below that of the sweep."""
    try:
        text = template.format(**values)
    except (LookupError, AttributeError, TypeError, ValueError):
        raise UsageError("'folder' may name {variant}, {task} and {seed}") from None
    folder = Path(text if template.startswith("/") else text.lstrip("/"))  # {variant} may be empty
    if folder.is_absolute() or ".." in folder.parts or not folder.parts or "\0" in str(folder):
        raise UsageError(f"'folder' must be a path below --out, not '{folder}'")
    return str(folder)


def _word(name: str, value: Any) -> str:
    """A value of the grid, as a part of a folder's name."""
    values = value if isinstance(value, list) else [value]
    shown = "x".join(str(one) for one in values).replace("/", "-")
    return f"{name.rpartition('.')[2]}-{shown}"


def _points(grid: dict[str, Any]) -> list[dict[str, Any]]:
    """The points of a grid: option -> value."""
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"grid '{name}' must be a list of values")
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def experiment_of(plan: Mapping[str, Any], change: Mapping[str, Any], seed: int) -> AnyExperiment:
    """The experiment of one run: the preset, the options of the file, then its own changes.

    Args:
        plan: the keys of the file.
        change: option -> value; also `method`, `task`, `learner` and `preset`.
        seed: of the run.

    Raises:
        UsageError: an option cannot work.
    """
    words: dict[str, Any] = {"learner": None, "preset": "default"}
    words |= {key: table[key] for table in (plan, change) for key in HEAD if key in table}
    for key in ("method", "task", *words):
        if not isinstance(words.get(key, 0), str | None):
            raise UsageError(f"'{key}' must be given, and be a name")
    experiment = experiments.make(*(words[key] for key in HEAD))
    changes = {key: value for key, value in change.items() if key not in (*HEAD, "seeds", *TEXTS)}
    values = plan["options"] | changes | {"seed": seed}
    prepare = plan.get("prepare", {})
    for name, value in values.items():
        values[name] = filled(value, prepare) if isinstance(value, str) else value
    experiment = experiments.with_options(experiment, values)
    experiments.check(experiment)
    return experiment


def filled(text: str, prepare: Mapping[str, str]) -> str:
    """A text in which the folder of each step of `prepare` replaces its `{name}`.

    Raises:
        UsageError: `prepare` has no step of that name.
    """

    def folder(match: re.Match[str]) -> str:
        if match[1] not in prepare:
            raise UsageError(f"nothing is prepared as '{match[1]}'{suggest(match[1], prepare)}")
        return str(PREPARED / match[1])

    return re.sub(rf"\{{({NAME})\}}", folder, text)
