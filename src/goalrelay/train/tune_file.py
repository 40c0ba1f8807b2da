"""The file of a hyperparameter search: what is trained, ranges of options -> a checked `Search`.

    method = "her"                    # the words of a sweep file
    task = "FetchReach-v4"
    seeds = [100]                     # a trial is the mean over these

    [options]                         # of every run
    episodes = 300

    [search]                          # options by dotted name
    "learner.actor_lr" = {low = 1e-4, high = 1e-2, log = true}
    "collect.updates" = {low = 10, high = 80, step = 10}
    "learner.hidden" = {choices = [[64, 64], [256, 256]]}

    [tune]
    trials = 30

docs/tune.md describes every key.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from goalrelay.errors import UsageError
from goalrelay.settings import options, replace_at, suggest
from goalrelay.train import config as experiments
from goalrelay.train import sweep_file
from goalrelay.train.config import AnyExperiment
from goalrelay.train.sweep_file import HEAD

SEEDS = [100]
"""By default; not those with which results are usually shown."""
SETTINGS: dict[str, tuple[str, ...]] = {
    "objective": ("speed", "success"),
    "sampler": ("tpe", "random"),
    "pruner": ("median", "none"),
}
"""Words of `[tune]` and their values, the default first."""
TRIALS = 30
LARGEST = 1e300
"""Of the numbers of a range."""
MEASURE = (
    *("seed", "steps", "episodes", "minutes", "until"),
    *("evaluate.every", "evaluate.episodes", "evaluate.confirm"),
)
"""Options that decide how trials are measured."""
KEYS = (*HEAD, "seeds", "options", "search", "tune")


class Range(NamedTuple):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    """Whether the logarithm is drawn evenly."""
    step: float | None = None
    """Distance between values; None: any, or 1 for whole numbers."""
    whole: bool = False
    """Whether the option takes whole numbers only."""

    def holds(self, value: Any) -> bool:
        """Whether a value can be drawn."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return self.low <= value <= self.high and math.isclose(steps, round(steps), abs_tol=1e-9)

    def some(self) -> list[float]:
        """Both ends, and one value between them."""
        between = 0.382 * (self.high - self.low)
        if self.step is not None or self.whole:
            between = between // (self.step or 1) * (self.step or 1)
        return [self.low, self.high, (int if self.whole else float)(self.low + between)]


class Choices(NamedTuple):
    """A list of values, of any type."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value is among them."""
        return label(value) in self.labels()

    def some(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values

    def labels(self) -> dict[Any, Any]:
        """Label -> value."""
        return {label(value): value for value in self.values}


class Search(NamedTuple):
    """A search file, read and checked."""

    plan: Mapping[str, Any]
    """Method, task, learner, preset and `options`."""
    seeds: list[int]
    ranges: Mapping[str, Range | Choices]
    trials: int
    objective: str
    sampler: str
    pruner: str

    def experiment(self, values: Mapping[str, Any], seed: int) -> AnyExperiment:
        """The run of a trial.

        Raises:
            UsageError: these values do not fit together.
        """
        return sweep_file.experiment_of(self.plan, values, seed)

    def default(self) -> dict[str, Any]:
        """Values of the searched options without a search: those of the preset, or of the file."""
        usual = {name: value for name, _, value in options(self.experiment({}, self.seeds[0]))}
        return {name: _plain(usual[name.replace("-", "_")]) for name in self.ranges}

    def about(self) -> dict[str, Any]:
        """What decides the value of a trial, as JSON: name -> value."""
        ranges = {
            f"search {name}": {
                k: v for k, v in each._asdict().items() if v is not None and v is not False
            }
            for name, each in self.ranges.items()
        }
        changed = {f"options {name}": value for name, value in self.plan["options"].items()}
        heads = {key: self.plan.get(key) for key in HEAD}
        values = heads | {"seeds": self.seeds, "objective": self.objective} | changed | ranges
        return json.loads(json.dumps(values))


def read(path: Path) -> Search:
    """The search of a file, after a check of all ranges.

    Raises:
        UsageError: an entry that cannot work; the message names the file and the entry.
    """
    plan = sweep_file.tables(path, KEYS, ("options", "search", "tune"))
    try:
        return _search(plan)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def label(value: Any) -> Any:
    """A choice as one text, number or truth value."""
    return json.dumps(_plain(value)) if isinstance(value, list | tuple) else value


def text(value: Any) -> str:
    """A value, short."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(value: Any) -> Any:
    """A value as a TOML file has it."""
    return list(value) if isinstance(value, tuple) else value


def _search(plan: dict[str, Any]) -> Search:
    seeds, tuned = plan.get("seeds", SEEDS), plan["tune"]
    sweep_file.check_seeds(seeds)
    if len(set(seeds)) < len(seeds):
        raise UsageError("'seeds' has a seed twice")
    base = sweep_file.experiment_of(plan, {}, seeds[0])
    if not plan["search"]:
        raise UsageError("[search] names no option; docs/tune.md shows some")
    for key, value in tuned.items():
        if key not in ("trials", *SETTINGS):
            raise UsageError(f"[tune] has no '{key}'{suggest(key, ('trials', *SETTINGS))}")
        if key in SETTINGS and value not in SETTINGS[key]:
            raise UsageError(f"[tune] {key} must be {' or '.join(SETTINGS[key])}, not {value!r}")
    trials = tuned.get("trials", TRIALS)
    if type(trials) is not int or trials < 1:
        raise UsageError(f"[tune] trials must be a whole number, at least 1, got {trials!r}")
    ranges = {name: _range(base, name, entry) for name, entry in plan["search"].items()}
    plain = [name.replace("-", "_") for name in ranges]
    twice = [name for name in plain if plain.count(name) > 1]
    if twice:
        raise UsageError(f"search '{twice[0]}' is there twice")
    chosen = {key: tuned.get(key, values[0]) for key, values in SETTINGS.items()}
    search = Search(plan, seeds, ranges, trials, **chosen)
    for name, each in ranges.items():
        for value in each.some():
            try:
                search.experiment({name: value}, seeds[0])
            except UsageError as error:
                raise UsageError(f"search '{name}': {error}") from None
    return search


def _range(base: AnyExperiment, name: str, entry: Any) -> Range | Choices:
    """The range of an option."""
    if name.replace("-", "_") in MEASURE:
        raise UsageError(f"search '{name}': it decides how trials are measured, so it is no choice")
    if name.replace("-", "_") not in {known for known, _, _ in options(base)}:
        replace_at(base, name, None)  # raises, and names the nearest option
    if name in experiments.HEADS or not name.count("."):
        raise UsageError(f"search '{name}': it decides which options there are")
    if isinstance(entry, dict) and list(entry) == ["choices"]:
        values = entry["choices"]
        if not isinstance(values, list) or len(values) < 2:
            raise UsageError(f"search '{name}': 'choices' must be a list of two values or more")
        return Choices(tuple(values))
    known = {"low": (int, float), "high": (int, float), "step": (int, float), "log": (bool,)}
    if not isinstance(entry, dict) or not {"low", "high"} <= set(entry) <= set(known):
        raise UsageError(f"search '{name}' needs low and high (with step or log), or choices")
    for key, value in entry.items():
        if type(value) not in known[key]:
            raise UsageError(f"search '{name}': {key} cannot be {value!r}")
    return _numbers(name, Range(**entry, whole=_takes_whole_numbers_only(base, name)))


def _numbers(name: str, given: Range) -> Range:
    """Check a range of numbers on its own."""
    if any(abs(number) > LARGEST for number in (given.low, given.high)):
        raise UsageError(f"search '{name}': {given.low} to {given.high} is too large")
    low, high, log, step, whole = given
    numbers = [low, high] if step is None else [low, high, step]
    complaint = ""
    if whole and any(type(number) is not int for number in numbers):
        complaint = "the option takes whole numbers"
    elif not low < high or not all(map(math.isfinite, numbers)):
        complaint = f"low {low} must be below high {high}"
    elif log and low <= 0:
        complaint = f"log needs a low above 0, got {low}"
    elif log and step is not None:
        complaint = "log and step exclude each other"
    elif step is not None and (step <= 0 or not given.holds(high)):
        complaint = f"steps of {step} do not lead from {low} to {high}"
    if complaint:
        raise UsageError(f"search '{name}': {complaint}")
    return given


def _takes_whole_numbers_only(base: AnyExperiment, name: str) -> bool:
    """Whether an option, which must exist, refuses 0.5."""
    try:
        replace_at(base, name, 0.5)
    except UsageError:
        return True
    return False
