"""A hyperparameter search: trials in processes of their own, and what is written about them.

`trials.csv` has a row for each trial, `best.toml` is a sweep file. `study` has what processes
share, `trial` what a trial is worth.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from goalrelay.errors import Notice, UsageError
from goalrelay.files import write_text
from goalrelay.train import processes
from goalrelay.train.build import filled_in
from goalrelay.train.command import command
from goalrelay.train.logbook import write_table
from goalrelay.train.study import Shown, Studied, number_of
from goalrelay.train.sweep_file import HEAD
from goalrelay.train.trial import Trial
from goalrelay.train.tune_file import Search, label

CONFIRM = 3
"""Seeds of best.toml: the first that the search does not use."""


def begin(studied: Studied) -> list[str]:
    """Check the task, and make the folder and the study, or join it.

    Returns:
        the options whose default is outside their range.

    Raises:
        UsageError: the task cannot be trained, the folder has another search or cannot be written,
            or Optuna is missing.
    """
    search = studied.search
    filled_in(search.experiment({}, search.seeds[0]))
    try:
        studied.out.mkdir(parents=True, exist_ok=True)
        return studied.begin()
    except OSError as error:
        raise UsageError(f"--out {studied.out} cannot be written: {error.strerror}") from error


def run(studied: Studied, jobs: int, ended: Callable[[Shown], None]) -> None:
    """Make trials until the search has as many as it is to have.

    Args:
        studied: the search, which has begun.
        jobs: trials at the same time.
        ended: called with each trial that this process has made, when it ends.

    Raises:
        UsageError: a run cannot start or go on; the trial goes on at the next start.
        TaskFailed: the environment failed.
        RuntimeError: the process of a trial was killed.
    """
    count = min(jobs, missing(studied, studied.shown()))
    with processes.pool(jobs) as pool:
        waiting: set[Future[int | None]] = {pool.submit(_trial, studied) for _ in range(count)}
        try:
            while waiting:
                complete, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in complete:
                    number = future.result()
                    if number is None:
                        continue
                    trials = studied.shown()
                    if missing(studied, trials) > len(waiting):
                        waiting.add(pool.submit(_trial, studied))
                    write_trials(studied, trials)
                    ended(next(trial for trial in trials if trial.number == number))
        except BrokenProcessPool:
            text = "the process of a trial was killed (memory?); the same command goes on with it"
            raise RuntimeError(text) from None
        except KeyboardInterrupt:  # every run gets the signal too, saves and stops
            pool.shutdown(cancel_futures=True)
            raise


def missing(studied: Studied, trials: Sequence[Shown]) -> int:
    """How many trials have not ended yet."""
    ended = sum(trial.state in ("complete", "pruned") for trial in trials)
    return max(studied.search.trials - ended, 0)


def _trial(studied: Studied) -> int | None:
    """Make one trial; its number, or None: no more are to be made, or it was interrupted."""
    warnings.simplefilter("ignore", Notice)  # `begin` has shown them
    with processes.own_cores(), studied.next() as trial:
        if trial is None:
            return None
        return number_of(trial) if Trial(studied, trial).run() else None


def ranked(trials: Sequence[Shown]) -> list[Shown]:
    """The complete trials, the best first."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


def changed(search: Search, trial: Shown) -> dict[str, Any]:
    """The values of a trial that are not the default."""
    usual = search.default()
    return {name: value for name, value in trial.values.items() if value != usual[name]}


def best_command(search: Search, best: Shown) -> str:
    """The `goalrelay train` command with the values of a trial."""
    return command(search.experiment(changed(search, best), 0))


def write_trials(studied: Studied, trials: Sequence[Shown]) -> None:
    """Write trials.csv."""
    rows = [
        {"trial": t.number, "state": t.state, "value": "" if t.value is None else f"{t.value:.6g}"}
        | {name: label(t.values.get(name, "")) for name in studied.search.ranges}
        | {"default": "yes" if t.is_default else "", "remark": t.remark}
        for t in trials
    ]
    write_table(studied.out / "trials.csv", rows)


def write_best(studied: Studied, best: Shown) -> None:
    """Write best.toml: a sweep of the default and the best, on seeds that the search lacks."""
    search, plan = studied.search, studied.search.plan
    seeds = [seed for seed in range(CONFIRM + len(search.seeds)) if seed not in search.seeds]
    lines = [f"# Trial {best.number} of a search beside the default, on other seeds."]
    lines += [f"{key} = {_toml(plan[key])}" for key in HEAD if key in plan]
    lines += [f"seeds = {_toml(seeds[:CONFIRM])}", "", "[options]"]
    lines += [f"{_toml(name)} = {_toml(value)}" for name, value in plan["options"].items()]
    lines += ["", "[variants.default]", "", "[variants.best]"]
    lines += [f"{_toml(name)} = {_toml(v)}" for name, v in changed(search, best).items()]
    write_text(studied.out / "best.toml", "\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    """A value, or a name in quotes, as TOML; JSON is the same for what options hold."""
    return json.dumps(value, ensure_ascii=False)
