"""What is begun can be gone on with: sweeps of every kind, runs that were stopped early."""

import json
import shutil
from pathlib import Path

import pytest

import goalrelay
from goalrelay.errors import UsageError
from goalrelay.report.runs import grouped, read_runs
from goalrelay.train import checkpoint, session, sweep, sweep_file, tensors
from goalrelay.train.counters import Counters
from goalrelay.train.formats import upgraded
from goalrelay.train.observer import Observer

RESULTS = Path(__file__).parents[2] / "results"
QUICK = """
[options]
episodes = 1
"evaluate.every" = 1
"evaluate.episodes" = 1
"evaluate.confirm" = 1
"learner.hidden" = [8]
"learner.batch_size" = 8
"""
HIERARCHY = '"method.exploration.random_steps" = 1000\n'


@pytest.mark.parametrize(
    ("heads", "more"),
    [
        ('method = "relay"\ntask = "goalrelay/FetchReach-v0"', ""),
        ('method = "hierarchy"\ntask = "goalrelay/PointMazeSparse-v0"', HIERARCHY),
        ('method = "her"\nlearner = "sac"\ntask = "goalrelay/PointReach-v0"', ""),
    ],
)
def test_a_sweep_can_be_run_a_second_time(heads: str, more: str, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(f"{heads}\nseeds = [0]\n{QUICK}{more}")
    plan = sweep_file.read(file)
    first = sweep.run(plan, tmp_path / "out", 1, lambda _: None)
    again = sweep.run(plan, tmp_path / "out", 1, lambda _: None)
    assert [row.ended for row in first] == ["budget"]
    assert [row.episodes for row in again] == [row.episodes for row in first]


def test_a_run_has_a_checkpoint_before_its_first_cycle(tmp_path: Path) -> None:
    class Killed(Observer):
        def cycle(self, counters: Counters, spent: float) -> None:
            raise KeyboardInterrupt

    options = {"learner.hidden": (8,), "learner.batch_size": 8}
    with pytest.raises(KeyboardInterrupt):
        goalrelay.train(
            "her",
            "goalrelay/PointReach-v0",
            episodes=2,
            out=tmp_path,
            settings=options,
            observer=Killed(),
        )
    assert goalrelay.resume(tmp_path).episodes == 2


def test_a_run_of_a_version_that_counted_no_failures_is_resumed(
    small_run: session.Result, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run.folder, run)
    for file in (run / "checkpoint").iterdir():
        arrays = checkpoint.read(file)
        del arrays["['buffer']['failed']"], arrays["['counters']['dropped']"]
        about = {"format": checkpoint.FORMAT, tensors.CHECKSUM: tensors.checksum(arrays)}
        tensors.write(file, arrays, about)
    more = small_run.steps + 100
    assert goalrelay.resume(run, steps=more).steps >= more


@pytest.mark.parametrize("head", ["learner", "method", "preset", "method_name"])
def test_what_decides_the_options_is_no_option(head: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"'{head}' is no option"):
        goalrelay.train(
            "her", "goalrelay/PointReach-v0", out=tmp_path / "run", settings={head: "zoo"}
        )
    assert not (tmp_path / "run").exists()


def test_no_curve_is_a_mean_of_runs_with_different_options() -> None:
    free = ("seed", "steps", "episodes", "minutes", "until", "commit", "versions", "resumed_at")
    for folder in sorted(RESULTS.iterdir()):
        if not any(folder.rglob("config.json")):
            continue
        for panel in grouped(read_runs([folder])).values():
            for label, runs in panel.items():
                kinds = set()
                for run in runs:
                    values = upgraded(json.loads((run.path / "config.json").read_text()))
                    own = {k: v for k, v in values.items() if k not in free}
                    own.pop("save")
                    own["collect"].pop("threads")
                    own["evaluate"] = own["evaluate"]["ema_decay"]
                    kinds.add(json.dumps(own, sort_keys=True))
                assert len(kinds) == 1, f"{folder.name}: {label}"
