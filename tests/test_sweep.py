"""A sweep makes what its file says, goes on where it stopped, and sums up."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from goalrelay.cli.main import main
from goalrelay.errors import UsageError
from goalrelay.train import processes, sweep, sweep_file
from goalrelay.train.logbook import read_table
from goalrelay.train.sweep import Row

FILE = """
method = "her"
task = "goalrelay/PointReach-v0"
seeds = [3, 4]
[options]
episodes = 6
"collect.updates" = 4
"learner.hidden" = [8]
"evaluate.every" = 3
"evaluate.episodes" = 2
"evaluate.confirm" = 2
"save.tensorboard" = false
[grid]
"learner.polyak" = [0.5, 0.9]
[variants.future]
[variants.final]
"method.strategy" = "final"
learner = "ddpg"
"""


def written(folder: Path, text: str = FILE) -> Path:
    (folder / "some.toml").write_text(text)
    return folder / "some.toml"


def test_a_file_means_every_variant_with_every_value_and_every_seed(tmp_path: Path) -> None:
    plan = sweep_file.read(written(tmp_path)).runs
    names = [
        f"{v}_polyak-{p}/seed-{s}" for v in ("future", "final") for p in (0.5, 0.9) for s in (3, 4)
    ]
    assert [planned.name for planned in plan] == names
    last: Any = plan[-1].experiment
    assert (last.method.strategy, last.learner.polyak, last.seed, last.episodes) == (
        "final",
        0.9,
        4,
        6,
    )
    assert last.learner_name == "ddpg" and last.learner.hidden == (8,)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("seeds", "seed", "unknown key 'seed'; did you mean 'seeds'"),
        ("[3, 4]", "3", "'seeds' must be a list of whole numbers"),
        ('"her"', "7", "'method' must be given, and be a name"),
        ('task = "goalrelay/PointReach-v0"', "", "'task' must be given"),
        ("[0.5, 0.9]", "0.5", "grid 'learner.polyak' must be a list"),
        ("[0.5, 0.9]", "[0.5, 1.5]", "polyak"),
        ("method.strategy", "method.strategie", "unknown option"),
        ("[variants.future]", "[variants]\nfuture = 3", "variant 'future' must be a table"),
        ("[variants.future]", '[variants."a/b"]', "cannot be the name of a folder"),
        ("[variants.future]", "[variants.future", "cannot read"),
        ("[3, 4]", "[3, 3]", "two runs would be future_polyak-0.5/seed-3"),
        ("seeds", 'folder = "{kind}"\nseeds', "'folder' may name {variant}, {task} and {seed}"),
        ("seeds", 'folder = "{seed}"\nseeds', "two runs would be 3"),
        ("seeds", 'others = "all"\nseeds', "'others' must be a number"),
        ('"method.strategy" = "final"', '"save.track" = "{a}"', "nothing is prepared as 'a'"),
        ("seeds", 'folder = "../up-{seed}"\nseeds', "'folder' must be a path below --out"),
        ("seeds", 'folder = "/up-{seed}"\nseeds', "'folder' must be a path below --out"),
        ("seeds", 'folder = "a/../../{seed}"\nseeds', "'folder' must be a path below --out"),
        ("seeds", 'folder = "."\nseeds', "'folder' must be a path below --out"),
        ("seeds", 'folder = "{seed.real.x}"\nseeds', "'folder' may name {variant}, {task} and"),
        ("[grid]", "[prepare]\na = 'demos \"x'\n[grid]", "prepare 'a' cannot be read: No closing"),
        ("[grid]", "[prepare]\na = 5\n[grid]", "prepare 'a' must be a text"),
        ("[grid]", "[prepare]\na = ['demos']\n[grid]", "prepare 'a' must be a text"),
        ("[grid]", "[prepare]\n'../a' = 'demos'\n[grid]", "cannot be the name of a folder"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(
    tmp_path: Path, old: str, new: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, FILE.replace(old, new))
    assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert complaint in said and "some.toml" in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


CLAIMS = sorted((Path(__file__).parents[1] / "benchmarks/claims").glob("*.toml"))


@pytest.mark.parametrize("file", CLAIMS, ids=lambda file: file.stem)
def test_a_claim_names_every_run_that_there_is_of_it(file: Path) -> None:
    plan, about = sweep_file.read(file), sweep_file.load(file)
    results = Path("results") / file.stem
    assert plan.results == results
    assert about["about"]
    names = {planned.name for planned in plan.runs}
    there = Path(__file__).parents[1] / results
    for run in sorted(there.rglob("config.json")):
        name = run.parent.relative_to(there).as_posix()
        variant = re.sub(r"(/.*|-[0-9]+)$", "", name)  # of an option that is gone: see its notes
        gone = f"`{variant}`" in about.get("notes", "")
        assert name in names or gone, f"results/{file.stem}/{name}"


TASKS = """
method = "her"
folder = "{variant}/{task}-{seed}"
[options]
episodes = 3
[variants.future]
about = "hindsight goals from later in the episode"
[variants.final]
"method.strategy" = "final"
seeds = [7]
[tasks.Reach]
task = "goalrelay/PointReach-v0"
[tasks.Bits]
task = "goalrelay/BitFlip-v0"
learner = "dqn"
seeds = [1, 2]
"""


def test_variants_are_combined_with_tasks_and_either_may_have_its_own_seeds(tmp_path: Path) -> None:
    runs = sweep_file.read(written(tmp_path, TASKS)).runs
    assert [planned.name for planned in runs] == [
        "future/Reach-0",
        "future/Bits-1",
        "future/Bits-2",
        "final/Reach-7",
        "final/Bits-1",
        "final/Bits-2",
    ]
    assert runs[-1].variant == "final/Bits" and runs[-1].experiment.learner_name == "dqn"
    without = re.sub(r"\[variants.*(?=\[tasks.Reach)", "", TASKS, flags=re.DOTALL)
    runs = sweep_file.read(written(tmp_path, without)).runs
    assert [planned.variant for planned in runs] == ["Reach", "Bits", "Bits"]
    assert [planned.name for planned in runs] == ["Reach-0", "Bits-1", "Bits-2"]


def test_seeds_tasks_and_variants_are_chosen_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, TASKS)
    runs = sweep_file.read(file, seeds=[5], tasks=["Bits"], variants=["final", "future"]).runs
    assert [planned.name for planned in runs] == ["final/Bits-5", "future/Bits-5"]
    assert main(["sweep", str(file), "--tasks", "Bit", "--seeds", "1", "2"]) == 2
    assert "no task 'Bit'; did you mean 'Bits'" in capsys.readouterr().err


def test_a_claim_is_prepared_tested_once_more_and_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FILE.replace("[0.5, 0.9]", "[0.5]").replace("[3, 4]", "[3]")
    text = text.replace("[options]", f'others = 4\nresults = "{tmp_path}/results"\n[options]')
    text += '[prepare]\nbeginner = "train her goalrelay/PointReach-v0 --episodes 2 --quiet"\n'
    monkeypatch.chdir(tmp_path)
    sweep.run(sweep_file.read(written(tmp_path, text)), tmp_path / "out", 2, lambda _: None)
    assert (tmp_path / sweep_file.PREPARED / "beginner/config.json").exists()
    kept = tmp_path / "results/future_polyak-0.5/seed-3"
    assert sorted(path.name for path in kept.iterdir()) == sorted(sweep.KEPT)
    figures = json.loads((kept / "others.json").read_text())
    assert figures["episodes"] == 4 and 0 <= figures["success"] <= 1


def test_runs_are_made_once_summed_up_and_gone_on_with(tmp_path: Path) -> None:
    small = FILE.replace("[0.5, 0.9]", "[0.5]").replace("[variants.final]", "[variants.other]")
    file, out = written(tmp_path, small), tmp_path / "out"
    command = [sys.executable, "-m", "goalrelay.cli", "sweep", str(file), "--out", str(out)]
    ended = subprocess.run([*command, "--jobs", "2"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "4 runs in" in ended.stdout and "| future_polyak-0.5 | 2 |" in ended.stdout
    rows = read_table(out / "table.csv")
    assert [row["ended"] for row in rows] == ["budget"] * 4
    assert {row["episodes"] for row in rows} == {"6"}
    alone = read_table(out / "future_polyak-0.5/seed-3/progress.csv")
    assert alone[-1]["episodes"] == "6"

    before = (out / "future_polyak-0.5/seed-3/timing.csv").stat().st_mtime_ns
    (out / "table.csv").write_text("".join((out / "table.csv").open().readlines()[:-1]))
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0 and again.stdout.count(" seed ") == 1  # the lost row only
    assert (out / "future_polyak-0.5/seed-3/timing.csv").stat().st_mtime_ns == before

    written(tmp_path, small.replace("= [8]", "= [9]"))
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "was begun with other options (learner)" in refused.stderr


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    text = FILE.replace("[0.5, 0.9]", "[0.5]").replace(
        '"method.strategy" = "final"', 'task = "goalrelay/NoSuchTask-v0"'
    )
    plan = sweep_file.read(written(tmp_path, text.replace("[3, 4]", "[3]")))
    told: list[Row] = []
    rows = sweep.run(plan, tmp_path / "out", 1, told.append)
    assert sorted(row.finished for row in rows) == [False, True]
    assert "NoSuchTask" in next(row.ended for row in told if not row.finished)


def test_when_all_runs_fail_each_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FILE.replace("PointReach", "NoSuchTask").replace("[3, 4]", "[3]")
    file = written(
        tmp_path,
        text.replace("[0.5, 0.9]", "[[8], [8, 8]]").replace(
            '[grid]\n"learner.polyak"', '[grid]\n"learner.hidden"'
        ),
    )
    names = [planned.variant for planned in sweep_file.read(file).runs]
    assert names == ["future_hidden-8", "future_hidden-8x8", "final_hidden-8", "final_hidden-8x8"]
    assert main(["sweep", str(file), "--out", str(tmp_path / "a" / "b")]) == 1
    assert capsys.readouterr().out.count("NoSuchTask") == 4
    (tmp_path / "taken").write_text("")
    assert main(["sweep", str(file), "--out", str(tmp_path / "taken")]) == 2
    assert "--out" in capsys.readouterr().err


def test_the_summary_is_means_with_the_range_of_the_seeds() -> None:
    nan = math.nan
    rows = [
        Row("a", 0, "until", 0.9, -10.0, 100, 5000, 60.0),
        Row("a", 1, "budget", 0.7, -30.0, 300, 15000, 120.0),
        Row("a", 2, "interrupted", 0.0, -50.0, 1, 50, 1.0),
        Row("b", 0, "budget", nan, 1234.5, 10, 1000, 9.0),
    ]
    shown = sweep.summary(rows).splitlines()
    assert shown[2:] == [
        "| a | 2 | 0.80 (0.70 to 0.90) | -20.0 (-30.0 to -10.0) | 200 (100 to 300) "
        "| 10,000 (5,000 to 15,000) | 90 (60 to 120) |",
        "| b | 1 |  | 1,234.5 | 10 | 1,000 | 9 |",
    ]


def test_the_summary_is_printable() -> None:
    shown = sweep.summary([Row("red\x1b[31m", 0, "until", 1.0, -10, 60, 3000, 5.0)])
    assert "\x1b" not in shown and r"| red\x1b[31m | 1 |" in shown


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("variant,seed\na,x\n")
    with pytest.raises(UsageError, match=r"table.csv is damaged"):
        sweep.run(sweep_file.Plan([]), tmp_path, 1, lambda _: None)


def test_cores_are_shared_out() -> None:
    shares = processes._shares(2)
    assert len(shares) == 2 and (not shares[0] or shares[0] != shares[1] or len(shares[0]) == 1)
    assert len(processes._shares(9)) == 9
