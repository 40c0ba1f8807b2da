"""Which runs are compared: run folders -> the scores of variants on their common tasks.

The score of a run is the success rate of its last test. Nothing is chosen by looking at scores. A
variant with too few seeds is named in a note and has no scores.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.report.bands import ENOUGH_RUNS, Curve, curve
from goalrelay.report.runs import Run, X, grouped, read_runs, shown

FEW_EPISODES = 50
"""A test of fewer episodes is named: its 95% interval is wider than 0.27 at a success of 0.5."""
FEW_SEEDS = 5
"""With fewer seeds, 95% intervals hold the true value in some 80% of cases: see docs/compare.md."""

Groups = dict[str, list[list[Run]]]
"""Variant -> for each task, its runs in the order of their seeds."""


class Compared(NamedTuple):
    """The runs of V variants on M tasks."""

    tasks: list[str]
    """[M] tasks that all variants have"""
    curves: dict[str, list[list[Curve]]]
    """variant -> [M][n] success curves; n differs between variants, not between tasks"""
    notes: list[str]
    """what was left out, and what weakens the comparison; one line each"""

    def scores(self, variant: str) -> np.ndarray:
        """[n, M] success rates of the last tests."""
        return np.array([[one.value[-1] for one in task] for task in self.curves[variant]]).T


def select(folders: Sequence[Path | str], x: X) -> Compared:
    """Read the runs, and choose those that can be compared.

    Args:
        folders: paths, or `LABEL=PATH`; see `read_runs`.
        x: unit of the positions of the curves.

    Raises:
        UsageError: a run cannot be read or has no success, a seed occurs twice, no task is common
            to all variants, or no variant has enough seeds.
    """
    panels = grouped(read_runs(folders))
    tasks, notes = _common(panels)
    variants = list(dict.fromkeys(label for groups in panels.values() for label in groups))
    groups: Groups = {v: [_by_seed(v, t, panels[t][v]) for t in tasks] for v in variants}
    for run in (run for of_tasks in groups.values() for runs in of_tasks for run in runs):
        if shown([run]) != "success":
            raise UsageError(f"task '{run.experiment.task}' has no success rate: {run.path}")
    few = [text for v, of_tasks in groups.items() if (text := _too_few(v, tasks, of_tasks))]
    enough = {v: of_tasks for v, of_tasks in groups.items() if not _too_few(v, tasks, of_tasks)}
    if not enough:
        raise UsageError(f"nothing to compare: {'; '.join(few)}")
    notes += [f"no numbers for {text}" for text in few]
    curves: dict[str, list[list[Curve]]] = {}
    for variant, of_tasks in enough.items():
        seeds = min(len(runs) for runs in of_tasks)
        notes += _unequal(variant, tasks, of_tasks, seeds)
        curves[variant] = [[curve(r, x, "success") for r in runs[:seeds]] for runs in of_tasks]
    return Compared(tasks, curves, notes + _weak(tasks, curves, x))


def _common(panels: dict[str, dict[str, list[Run]]]) -> tuple[list[str], list[str]]:
    """The tasks that all variants have, and notes of the others."""
    variants = {label for groups in panels.values() for label in groups}
    tasks = [task for task, groups in panels.items() if set(groups) == variants]
    if not tasks:
        counts = Counter(label for groups in panels.values() for label in groups)
        label, most = counts.most_common()[-1]
        raise UsageError(
            f"no task has runs of all {len(variants)} variants; '{label}' has runs on {most} of "
            f"{len(panels)} tasks (LABEL=FOLDER makes one variant of all runs in a folder)"
        )
    return tasks, [
        f"task '{task}' is left out: no runs of "
        + ", ".join(f"'{label}'" for label in sorted(variants - set(groups)))
        for task, groups in panels.items()
        if task not in tasks
    ]


def _by_seed(variant: str, task: str, runs: Sequence[Run]) -> list[Run]:
    """The runs in the order of their seeds."""
    of_seed: dict[int, Run] = {}
    for run in runs:
        other = of_seed.setdefault(run.experiment.seed, run)
        if other is not run:  # the same numbers again, or something else under one name
            raise UsageError(
                f"variant '{variant}' has seed {run.experiment.seed} twice on '{task}', in "
                f"{other.path} and {run.path}; leave one out, or give it a name: LABEL=FOLDER"
            )
    return [of_seed[seed] for seed in sorted(of_seed)]


def _too_few(variant: str, tasks: Sequence[str], of_tasks: list[list[Run]]) -> str:
    """Where a variant has too few seeds, in words; empty: nowhere."""
    few = [
        f"{len(runs)} {'seed' if len(runs) == 1 else 'seeds'} on '{task}'"
        for task, runs in zip(tasks, of_tasks, strict=True)
        if len(runs) < ENOUGH_RUNS
    ]
    return f"'{variant}': {', '.join(few)}; it needs {ENOUGH_RUNS} on each task" if few else ""


def _unequal(
    variant: str, tasks: Sequence[str], of_tasks: list[list[Run]], seeds: int
) -> list[str]:
    """A note where the numbers of seeds differ between tasks: a score matrix has no holes."""
    more = [
        f"'{task}' ({len(runs)})"
        for task, runs in zip(tasks, of_tasks, strict=True)
        if len(runs) > seeds
    ]
    if not more:
        return []
    return [f"'{variant}': the {seeds} lowest seeds of each task are used; more: {', '.join(more)}"]


def _weak(tasks: Sequence[str], curves: dict[str, list[list[Curve]]], x: X) -> list[str]:
    """Notes of what weakens the comparison."""
    notes: list[str] = []
    seeds = {variant: len(of_tasks[0]) for variant, of_tasks in curves.items()}
    if few := [f"'{variant}' ({count})" for variant, count in seeds.items() if count < FEW_SEEDS]:
        notes.append(
            f"fewer than {FEW_SEEDS} seeds, so intervals are too narrow (docs/compare.md): "
            + ", ".join(few)
        )
    short = [
        f"'{variant}' on '{task}' ({least:.0f})"
        for variant, of_tasks in curves.items()
        for task, runs in zip(tasks, of_tasks, strict=True)
        if (least := min(one.trials[-1] for one in runs)) < FEW_EPISODES
    ]
    if short:
        notes.append(
            f"last tests of fewer than {FEW_EPISODES} episodes, so scores are rough: "
            + ", ".join(short)
        )
    for task, of_task in zip(tasks, zip(*curves.values(), strict=True), strict=True):
        ends = [one.position[-1] for runs in of_task for one in runs if not one.reached]
        if ends and min(ends) < max(ends):
            notes.append(
                f"'{task}': last tests were made after {min(ends):,.0f} to {max(ends):,.0f} {x}"
            )
    runs = [one for of_tasks in curves.values() for task in of_tasks for one in task]
    if reached := sum(one.reached for one in runs):
        notes.append(
            f"{reached} of {len(runs)} runs ended at --until, so their scores are close to it; "
            "the sample-efficiency curve (--out) shows how soon"
        )
    return notes
