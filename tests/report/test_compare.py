"""Comparisons are those of Agarwal et al. 2021, and say what they cannot say."""

import csv
import re
import sys
import xml.dom.minidom
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goalrelay.cli import main as cli
from goalrelay.files import write_json
from goalrelay.report.compare import AGGREGATES, Bootstrap, Comparison, compare, higher
from goalrelay.report.compare_files import write
from goalrelay.report.compare_table import latex, text
from goalrelay.report.compared import select
from goalrelay.train import config as experiments

ROOT = Path(__file__).parents[2]
PUSH, REACH = "FetchPush-v4", "FetchReach-v4"


def write_run(
    folder: Path,
    success: Sequence[float],
    seed: int,
    task: str = PUSH,
    trials: int = 100,
    until: float | None = None,
) -> Path:
    """A run folder with a test every 10 episodes of 50 steps."""
    experiment = replace(experiments.make("her", task), seed=seed, until=until)
    folder.mkdir(parents=True)
    write_json(folder / "config.json", experiments.to_json(experiment))
    lines = ["cycle,episodes,steps,eval_episodes,eval_success"]
    lines += [f"{i},{10 * i},{500 * i},{trials},{rate}" for i, rate in enumerate(success, 1)]
    (folder / "progress.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_runs(folder: Path, last: Sequence[float], task: str = PUSH, name: str = "v") -> str:
    """A run with two tests for each last success, seeds from 0; the folder with its label."""
    for seed, success in enumerate(last):
        write_run(folder / name / task / str(seed), [0.0, success], seed, task)
    return f"{name}={folder / name}"


def compared(*folders: str, resamples: int = 200) -> Comparison:
    return compare(folders, resamples=resamples)


def test_the_figures_are_those_that_one_computes_by_hand(tmp_path: Path) -> None:
    write_runs(tmp_path, [0.1, 0.2, 0.3, 0.8], PUSH)
    named = write_runs(tmp_path, [0.4, 0.6, 0.7, 1.0], REACH)
    figures = compared(named).aggregates["v"]
    # sorted: 0.1 0.2 | 0.3 0.4 0.6 0.7 | 0.8 1.0; means of the tasks: 0.35 and 0.675
    assert figures["iqm"].value == pytest.approx((0.3 + 0.4 + 0.6 + 0.7) / 4)
    assert figures["mean"].value == pytest.approx(4.1 / 8)
    assert figures["median"].value == pytest.approx((0.35 + 0.675) / 2)
    assert figures["optimality_gap"].value == pytest.approx(1 - 4.1 / 8)
    assert all(figures[name].low < figures[name].value < figures[name].high for name in AGGREGATES)


def test_the_interval_is_a_bootstrap_over_the_runs_of_each_task() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((5, 3))
    _, low, high = Bootstrap(4000)(scores, lambda some: np.array([some.mean()]))
    means = scores[rng.integers(5, size=(20_000, 5, 3)), np.arange(3)].mean(axis=(1, 2))
    np.testing.assert_allclose([low[0], high[0]], np.percentile(means, [2.5, 97.5]), atol=0.01)


def test_a_run_of_one_variant_is_better_with_a_probability(tmp_path: Path) -> None:
    one = write_runs(tmp_path, [0.2, 0.5, 0.9], name="one")
    other = write_runs(tmp_path, [0.1, 0.5, 0.6], name="other")
    # 0.2 beats one of three; 0.5 beats one and equals one; 0.9 beats all
    figure = compared(one, other).improvement["one", "other"]
    assert figure.value == pytest.approx((1 + 1.5 + 3) / 9)
    assert figure.low < figure.value < figure.high


def test_the_probability_is_that_of_rliable() -> None:
    from rliable import metrics

    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 6, (4, 3)) / 5, rng.integers(0, 6, (7, 3)) / 5
    assert higher(one, other)[0] == pytest.approx(metrics.probability_of_improvement(one, other))


def test_a_profile_is_the_fraction_of_runs_above_each_threshold(tmp_path: Path) -> None:
    band = compared(write_runs(tmp_path, [0.29, 0.5, 0.5, 1.0])).profiles["v"]
    fractions = dict(zip(band.position, band.mean, strict=True))
    assert [fractions[tau] for tau in (0.28, 0.29, 0.49, 0.5, 0.99, 1.0)] == [
        *(1, 0.75, 0.75, 0.25, 0.25, 0)
    ]
    assert (band.low <= band.mean).all() and (band.mean <= band.high).all()


def test_sample_efficiency_is_the_iqm_on_a_common_grid(tmp_path: Path) -> None:
    for seed, rates in enumerate(([0.2, 1.0], [0.0, 0.4, 0.8], [0.1, 0.2, 0.3], [0.1, 0.4, 0.9])):
        write_run(tmp_path / str(seed), rates, seed, until=1.0)
    by_episodes = compare([f"v={tmp_path}"], resamples=200).efficiency["v"]
    np.testing.assert_allclose(by_episodes.position, [10, 20, 30])
    np.testing.assert_allclose(by_episodes.mean, [0.1, 0.4, 0.85])  # the middle two of four
    np.testing.assert_array_equal(by_episodes.held, [0, 0, 1])
    by_steps = compare([f"v={tmp_path}"], "steps", resamples=200).efficiency["v"]
    np.testing.assert_allclose(by_steps.position, [500, 1000, 1500])


def test_curves_that_do_not_overlap_are_named_and_the_rest_is_there(tmp_path: Path) -> None:
    named = write_runs(tmp_path, [0.5, 0.6, 0.7], PUSH)
    for seed in range(3):
        late = write_run(tmp_path / "v" / REACH / str(seed), [0.9], seed, REACH)
        rows = (late / "progress.csv").read_text().replace("\n1,10,", "\n1,1000,")
        (late / "progress.csv").write_text(rows)
    comparison = compared(named)
    assert not comparison.efficiency
    assert any("no sample-efficiency curve of 'v'" in note for note in comparison.notes)
    assert comparison.aggregates["v"]["mean"].value == pytest.approx((0.6 + 0.9) / 2)


def test_a_variant_with_too_few_seeds_has_no_number(tmp_path: Path) -> None:
    few = write_runs(tmp_path, [0.9, 1.0], name="few")
    found = select([few, write_runs(tmp_path, [0.1, 0.2, 0.3], name="some")], "episodes")
    assert set(found.curves) == {"some"}
    assert found.notes == [
        "no numbers for 'few': 2 seeds on 'FetchPush-v4'; it needs 3 on each task",
        "fewer than 5 seeds, so intervals are too narrow (docs/compare.md): 'some' (3)",
    ]


def test_only_tasks_of_all_variants_are_compared(tmp_path: Path) -> None:
    write_runs(tmp_path, [0.1] * 5, REACH, name="a")
    a, b = (write_runs(tmp_path, [0.1] * 5, PUSH, name=name) for name in "ab")
    found = select([a, b], "episodes")
    assert found.tasks == [PUSH]
    assert found.notes == [f"task '{REACH}' is left out: no runs of 'b'"]


def test_seeds_that_not_all_tasks_have_are_left_out_and_said(tmp_path: Path) -> None:
    write_runs(tmp_path, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], PUSH)
    found = select([write_runs(tmp_path, [0.0, 0.1, 0.2, 0.3, 0.4], REACH)], "episodes")
    np.testing.assert_allclose(found.scores("v"), np.arange(5)[:, None] / 10 * [1, 1])
    assert found.notes == [f"'v': the 5 lowest seeds of each task are used; more: '{PUSH}' (7)"]


def test_short_tests_other_lengths_and_early_ends_are_said(tmp_path: Path) -> None:
    for seed in range(5):
        write_run(tmp_path / str(seed), [0.1] * (seed + 1), seed, trials=20 if seed else 100)
    write_run(tmp_path / "5", [1.0], 5, until=0.9)
    assert select([f"v={tmp_path}"], "episodes").notes == [
        f"last tests of fewer than 50 episodes, so scores are rough: 'v' on '{PUSH}' (20)",
        f"'{PUSH}': last tests were made after 10 to 50 episodes",
        "1 of 6 runs ended at --until, so their scores are close to it; "
        "the sample-efficiency curve (--out) shows how soon",
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("few", "nothing to compare: 'v': 1 seed on 'FetchPush-v4'; it needs 3 on each task"),
        ("twice", "variant 'v' has seed 0 twice on 'FetchPush-v4', in "),
        ("apart", "no task has runs of all 2 variants; 'w' has runs on 1 of 2 tasks"),
        ("blind", "task 'FetchPush-v4' has no success rate: "),
        ("none", "compare needs at least one run folder"),
        ("resamples", "--resamples must be at least 100 and at most"),
        ("out", "compare.csv cannot be written: "),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    change: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [write_runs(tmp_path, [0.1] * (1 if change == "few" else 5))]
    if change == "twice":
        write_run(tmp_path / "v" / "again", [0.5], 0)
    elif change == "apart":
        words.append(write_runs(tmp_path, [0.1] * 5, REACH, name="w"))
    elif change == "blind":
        table = tmp_path / "v" / PUSH / "1" / "progress.csv"
        table.write_text(table.read_text().replace(",0.0", ",nan").replace(",0.1", ",nan"))
    elif change == "none":
        words = []
    elif change == "resamples":
        words += ["--resamples", "1"]
    elif change == "out":
        (tmp_path / "file").touch()
        words += ["--out", str(tmp_path / "file"), "--resamples", "100"]
    assert cli.main(["compare", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_without_rliable_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rliable", None)
    assert cli.main(["compare", write_runs(tmp_path, [0.1] * 5)]) == 2
    error = capsys.readouterr().err
    assert error == "goalrelay: comparing needs rliable: pip install 'goalrelay[compare]'\n"


def test_names_cannot_break_a_table_or_a_figure(tmp_path: Path) -> None:
    names = ["a_b & 50% $x$ #1 {~^\\}", "<script>alert(1)</script>", "x | y\n\x1b[1m"]
    folders = [
        f"{name}={write_runs(tmp_path, [0.1, 0.2, 0.4], name=str(i)).partition('=')[2]}"
        for i, name in enumerate(names)
    ]
    comparison = compared(*folders)
    table = latex(comparison)
    assert r"a\_b \& 50\% \$x\$ \#1 \{\textasciitilde{}\textasciicircum{}" in table
    assert r"\textbackslash{}\} & 3 & 0.23 [0.10, 0.40]" in table
    assert r"\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{}" in table
    for row in text(comparison).splitlines()[:5]:
        assert row.count("|") - row.count(r"\|") == 7
    _, _, svg, _ = write(comparison, tmp_path / "out", "episodes")
    drawing = xml.dom.minidom.parse(str(svg))
    assert not drawing.getElementsByTagName("script")
    rows = list(csv.DictReader((tmp_path / "out" / "compare.csv").open()))
    assert {row["variant"] for row in rows} == {names[0], names[1], r"x | y\n\x1b[1m"}


def test_the_same_runs_give_the_same_files(tmp_path: Path) -> None:
    one = write_runs(tmp_path, [0.1, 0.5, 0.6, 0.9, 1.0], name="one")
    other = write_runs(tmp_path, [0.1, 0.2, 0.2, 0.4, 0.8], name="other")
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    files = [write(compared(one, other), tmp_path / str(i), "steps") for i in range(2)]
    for first, again in zip(*files, strict=True):
        assert first.read_bytes() == again.read_bytes(), first.name
    assert np.random.random() == expected, "the generator of others goes on as before"
    assert compared(one).aggregates["one"] == compared(one, other).aggregates["one"]
    assert compare([one], resamples=200, seed=1).aggregates != compared(one).aggregates


def test_the_page_shows_what_its_command_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "compare.md").read_text()
    (command,) = re.findall(r"^    goalrelay (compare .*)$", page, re.MULTILINE)
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    assert cli.main(command.replace("$R", "results/relay_comparison").split()) == 0
    printed = capsys.readouterr()
    lines = [*printed.err.splitlines(), "", *printed.out.splitlines()]
    assert "```text\n" + "\n".join(lines) + "\n```" in page
    out = tmp_path / "compared"
    names = [f"compare.{ending}" for ending in ("csv", "png", "svg", "tex")]
    assert sorted(path.name for path in out.iterdir()) == names
    with (out / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    (figure,) = [row for row in rows if (row["statistic"], row["variant"]) == ("iqm", "relay")]
    assert f"{float(figure['value']):.2f} ({float(figure['low']):.2f}" in page
    assert {row["statistic"] for row in rows} == {
        *("seeds", *AGGREGATES, "probability_of_improvement"),
        *("performance_profile", "sample_efficiency"),
    }
