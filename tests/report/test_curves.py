"""Curves show the means that the tables hold, and say what they are means of."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from goalrelay.errors import UsageError
from goalrelay.files import write_json
from goalrelay.report.bands import Curve, aggregate, curve
from goalrelay.report.curves import plot
from goalrelay.report.runs import grouped, read_runs
from goalrelay.settings import replace_at
from goalrelay.train import config as experiments
from goalrelay.train.evaluate import wilson

HEAD = "cycle,episodes,steps,eval_episodes,eval_success,eval_mean_return,eval_distance"


def write_run(
    folder: Path,
    success: Sequence[float],
    task: str = "FetchPush-v4",
    preset: str = "default",
    trials: int = 20,
    **options: Any,
) -> Path:
    """A run folder with an evaluation every 10 episodes of 50 steps, 2 seconds an episode."""
    experiment = experiments.make("her", task, preset=preset)
    for name, value in options.items():
        experiment = replace_at(experiment, name.replace("__", "."), value)
    folder.mkdir(parents=True)
    write_json(folder / "config.json", experiments.to_json(experiment))
    progress, timing = [HEAD], ["cycle,episodes,steps,seconds"]
    for i, rate in enumerate(success, 1):
        place = f"{10 * i},{10 * i},{500 * i}"
        progress.append(f"{place},{trials},{rate},{50 * rate - 50},{0.2 - 0.1 * rate}")
        timing.append(f"{place},{20 * i}")
    (folder / "progress.csv").write_text("\n".join(progress) + "\n")
    (folder / "timing.csv").write_text("\n".join(timing) + "\n")
    return folder


def some(position: Any, value: Any, reached: bool = False) -> Curve:
    return Curve(np.array(position), np.array(value), np.full(len(value), 20.0), reached)


def drawn(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], None]) -> Figure:
    """The figure that a call saves."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **more: Any) -> None:
        figures.append(figure)
        save(figure, *arguments, **more)

    monkeypatch.setattr(Figure, "savefig", keep)
    draw()
    return figures[0]


def points(line: Any) -> np.ndarray:
    """[N, 2]"""
    return np.asarray(line.get_xydata(), float)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_mean_is_the_mean_of_the_seeds() -> None:
    band = aggregate([some([10, 20], [0.0, 0.4]), some([10, 20], [0.2, 1.0])])
    np.testing.assert_allclose(band.position, [10, 20])
    np.testing.assert_allclose(band.mean, [0.1, 0.7])
    assert band.runs == 2


def test_seeds_tested_at_other_moments_are_joined_by_straight_lines() -> None:
    band = aggregate([some([10, 30], [0.0, 1.0]), some([20, 40], [0.0, 0.4])])
    np.testing.assert_allclose(band.position, [20, 30], err_msg="what both seeds cover")
    np.testing.assert_allclose(band.mean, [(0.5 + 0.0) / 2, (1.0 + 0.2) / 2])


def test_a_mean_ends_with_the_shortest_run() -> None:
    band = aggregate([some([10, 20], [0, 0.5]), some([10, 20, 30, 40], [0, 0.1, 0.2, 0.3])])
    np.testing.assert_allclose(band.position, [10, 20])
    assert not band.held.any()


def test_a_run_that_reached_until_holds_its_last_value() -> None:
    fast, slow = some([10, 20], [0.5, 1.0], reached=True), some([10, 20, 30], [0.0, 0.2, 0.6])
    band = aggregate([fast, slow])
    np.testing.assert_allclose(band.mean, [0.25, 0.6, 0.8])
    np.testing.assert_array_equal(band.held, [0, 0, 1])


def test_runs_that_all_reached_until_go_on_to_the_slowest() -> None:
    band = aggregate([some([10], [1.0], True), some([10, 20, 30], [0.2, 0.4, 1.0], True)])
    np.testing.assert_allclose(band.position, [10, 20, 30])
    np.testing.assert_array_equal(band.held, [0, 1, 1])


def test_runs_without_a_common_stretch_are_refused() -> None:
    with pytest.raises(UsageError, match="do not overlap"):
        aggregate([some([10, 20], [0, 0]), some([30, 40], [0, 0])])


def test_from_three_seeds_the_interval_is_a_bootstrap_over_them() -> None:
    rng = np.random.default_rng(0)
    seeds = [some([10, 20], rng.random(2)) for _ in range(6)]
    band = aggregate(seeds)
    values = np.stack([s.value for s in seeds])
    means = values[rng.integers(6, size=(20_000, 6))].mean(axis=1)
    np.testing.assert_allclose(
        [band.low, band.high], np.percentile(means, [2.5, 97.5], axis=0), atol=0.02
    )
    assert (band.low < band.mean).all() and (band.mean < band.high).all()


def test_seeds_that_agree_leave_no_interval() -> None:
    band = aggregate([some([10, 20], [0.3, 0.6])] * 3)
    np.testing.assert_allclose([band.low, band.high], [band.mean, band.mean])


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_show_how_sure_the_test_is(seeds: int) -> None:
    band = aggregate([some([10, 20], [0.5, 1.0])] * seeds, rate=True)
    low, high = zip(wilson(10 * seeds, 20 * seeds), wilson(20 * seeds, 20 * seeds), strict=True)
    np.testing.assert_allclose([band.low, band.high], [low, high])
    unsure = aggregate([some([10, 20], [-50, -3])] * seeds)
    assert np.isnan([unsure.low, unsure.high]).all(), "a return has no such interval"


def test_a_mean_of_many_positions_is_thinned() -> None:
    long = some(np.arange(1.0, 3001), np.linspace(0, 1, 3000))
    band = aggregate([long])
    assert len(band.position) == 500
    assert (band.position[0], band.position[-1]) == (1, 3000)
    np.testing.assert_allclose(band.mean, (band.position - 1) / 2999)


def test_runs_are_grouped_by_task_method_and_preset(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / f"a{seed}", [0, 1], seed=seed)
        write_run(tmp_path / f"b{seed}", [0, 1], seed=seed, preset="baselines")
        write_run(tmp_path / f"c{seed}", [0, 1], seed=seed, task="FetchReach-v4")
    write_run(tmp_path / "d", [0, 1], task="goalrelay/BitFlip-v0", task_options=("n=20",))
    panels = grouped(read_runs([tmp_path]))
    counts = {title: {k: len(v) for k, v in groups.items()} for title, groups in panels.items()}
    assert counts == {
        "FetchPush-v4": {"her + sac": 2, "her + ddpg, baselines": 2},
        "FetchReach-v4": {"her + sac": 2},
        "goalrelay/BitFlip-v0 (n=20)": {"her + sac": 1},
    }


def test_an_ablation_is_not_averaged_with_what_it_is_compared_to(tmp_path: Path) -> None:
    write_run(tmp_path / "future", [1.0])
    write_run(tmp_path / "none", [0.0], method__strategy="none", steps=5, evaluate__episodes=7)
    assert set(grouped(read_runs([tmp_path]))["FetchPush-v4"]) == {
        "her + sac, strategy=future",
        "her + sac, strategy=none",
    }


def test_what_most_variants_have_goes_unsaid(tmp_path: Path) -> None:
    for seed in range(3):  # seeds are no variants
        write_run(tmp_path / f"none{seed}", [0.0], seed=seed, method__strategy="none")
    write_run(tmp_path / "default", [1.0])
    write_run(tmp_path / "fast", [1.0], learner__gamma=0.9)
    assert set(grouped(read_runs([tmp_path]))["FetchPush-v4"]) == {
        "her + sac",
        "her + sac, strategy=none",
        "her + sac, gamma=0.9",
    }


def test_runs_are_grouped_by_the_label_that_they_are_given(tmp_path: Path) -> None:
    write_run(tmp_path / "one" / "a", [1.0])
    write_run(tmp_path / "one" / "b", [0.0], method__strategy="none")
    write_run(tmp_path / "other", [0.0], method__strategy="none")
    write_run(tmp_path / "x=y", [0.0])
    named = [f"with guide={tmp_path / 'one'}", f"{tmp_path / 'other'}", tmp_path / "x=y"]
    groups = grouped(read_runs(named))["FetchPush-v4"]
    assert {label: len(runs) for label, runs in groups.items()} == {
        "with guide": 2,
        "her + sac, strategy=none": 1,
        "her + sac, strategy=future": 1,
    }


def test_a_run_given_twice_counts_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "deep" / "down" / "run", [0.5])
    write_run(run / "inside", [0.5])
    assert [r.path for r in read_runs([run, tmp_path, run / ".." / "run"])] == [run / ".." / "run"]


def test_figures_come_from_the_tables(tmp_path: Path) -> None:
    (run,) = read_runs([write_run(tmp_path / "run", [0.25, 0.95], until=0.9)])
    assert curve(run, "episodes", "success").reached
    np.testing.assert_allclose(curve(run, "steps", "return").position, [500, 1000])
    np.testing.assert_allclose(curve(run, "steps", "return").value, [-37.5, -2.5])
    np.testing.assert_allclose(curve(run, "seconds", "distance").position, [20, 40])
    np.testing.assert_allclose(curve(run, "seconds", "distance").value, [0.175, 0.105])


def test_seconds_are_matched_by_cycle(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [0.1, 0.2, 0.3])
    (run / "timing.csv").write_text("cycle,seconds\n30,99\n10,11\n")
    timed = curve(read_runs([run])[0], "seconds", "success")
    np.testing.assert_allclose(timed.position, [11, 99])
    np.testing.assert_allclose(timed.value, [0.1, 0.3])


def test_what_is_drawn_is_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = np.array([[0.0, 0.5, 0.9], [0.1, 0.3, 0.7], [0.2, 0.4, 0.8]])
    for seed, rate in enumerate(rates):
        write_run(tmp_path / f"seed-{seed}", rate, seed=seed)
    figure = drawn(monkeypatch, lambda: plot([tmp_path], tmp_path / "out.png"))
    (line,) = figure.axes[0].get_lines()
    np.testing.assert_allclose(points(line)[:, 0], [10, 20, 30])
    np.testing.assert_allclose(points(line)[:, 1], rates.mean(axis=0))
    assert figure.axes[0].get_title() == "FetchPush-v4"
    assert figure.axes[0].get_xlabel() == "training episodes"
    assert words(figure) == ["her + sac (n=3)", "95% interval over seeds (bootstrap)"]


def test_the_held_stretch_is_dashed_and_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "fast", [0.5, 1.0], until=0.95)
    write_run(tmp_path / "slow", [0.0, 0.2, 0.4, 1.0], until=0.95)
    figure = drawn(monkeypatch, lambda: plot([tmp_path], tmp_path / "out.png"))
    solid, dashed = figure.axes[0].get_lines()
    np.testing.assert_allclose(points(solid)[:, 0], [10, 20])
    np.testing.assert_allclose(points(dashed)[:, 0], [20, 30, 40])
    np.testing.assert_allclose(points(dashed)[:, 1], [0.6, 0.7, 1.0])
    assert any("dashed" in word for word in words(figure))


def test_every_task_has_its_panel_and_every_method_one_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in ("FetchReach-v4", "FetchPush-v4"):
        for preset in ("default", "baselines"):
            write_run(tmp_path / task / preset, [0, 1], task=task, preset=preset)
    figure = drawn(monkeypatch, lambda: plot([tmp_path], tmp_path / "out.pdf", x="steps"))
    assert [axes.get_title() for axes in figure.axes] == ["FetchPush-v4", "FetchReach-v4"]
    looks = [
        [(line.get_color(), line.get_marker()) for line in axes.get_lines()] for axes in figure.axes
    ]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 2


def test_a_task_without_success_shows_its_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", [0.5, 1.0])
    rows = (run / "progress.csv").read_text().replace(",0.5,", ",nan,").replace(",1.0,", ",nan,")
    (run / "progress.csv").write_text(rows)
    figure = drawn(monkeypatch, lambda: plot([run], tmp_path / "out.svg"))
    assert figure.axes[0].get_ylabel() == "return of an episode"
    np.testing.assert_allclose(points(figure.axes[0].get_lines()[0])[:, 1], [-25, 0])
    with pytest.raises(UsageError, match=r"progress\.csv has no success figures"):
        plot([run], tmp_path / "out.png", y="success")


def test_any_column_of_the_progress_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", [0.5, 1.0])
    head, first, second = (run / "progress.csv").read_text().splitlines()
    rows = [head + ",innr,critic_loss", first + ",1.0,7.5", second + ",0.25,3.5"]
    (run / "progress.csv").write_text("\n".join(rows) + "\n")
    for y, label, values, percent in (
        ("innr", "identical non-negative rewards\n(share of relabelled steps)", [1, 0.25], True),
        ("critic_loss", "critic loss", [7.5, 3.5], False),
    ):
        with monkeypatch.context() as patch:
            figure = drawn(patch, lambda y=y: plot([run], tmp_path / "out.svg", y=y))
        axes = figure.axes[0]
        assert axes.get_ylabel() == label
        np.testing.assert_allclose(points(axes.get_lines()[0])[:, 1], values)
        assert (axes.get_ylim() == (0, 1.02)) == percent
    with pytest.raises(UsageError, match=r"progress\.csv lacks the column 'nope'"):
        plot([run], tmp_path / "out.png", y="nope")


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_ending_decides_the_format(tmp_path: Path, ending: str, start: bytes) -> None:
    write_run(tmp_path / "run", [0.5, 1.0])
    out = tmp_path / "new" / "folder" / f"out.{ending}"
    plot([tmp_path / "run"], out, y="distance")
    assert out.read_bytes().startswith(start)
    first = out.read_bytes()
    plot([tmp_path / "run"], out, y="distance")
    assert out.read_bytes() == first, "the same runs give the same file"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_picture_is_large_enough_to_print(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [0.5, 1.0])
    plot([tmp_path / "run"], tmp_path / "out.png")
    height, width, _ = imread(tmp_path / "out.png").shape
    assert width == 1000
    assert 600 < height < 1200


def test_plotting_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    plot([write_run(tmp_path / "run", [0.5, 1.0])], tmp_path / "out.png")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("progress.csv", None, "no such file: .*progress.csv"),
        ("progress.csv", "", "progress.csv holds no evaluation yet"),
        ("progress.csv", HEAD + "\n", "progress.csv holds no evaluation yet"),
        ("progress.csv", HEAD + "\n1,2\n", "progress.csv is damaged: line 2"),
        ("progress.csv", HEAD + "\n1,2,3,4,five,6,7\n", "progress.csv is damaged: .*eval_success"),
        ("progress.csv", "cycle,episodes\n1,2\n", "progress.csv lacks the column 'eval_success'"),
        ("progress.csv", b"\xff\xfe\x00", "cannot read .*progress.csv"),
        (
            "progress.csv",
            f"{HEAD}\n1,20,3,4,0,6,7\n2,10,3,4,0,6,7\n",
            "progress.csv is damaged: its episodes do not increase",
        ),
        ("config.json", "{", "cannot read .*config.json"),
        ("config.json", "{}", "it has no format number"),
    ],
)
def test_a_damaged_run_is_named(
    tmp_path: Path, file: str, text: str | bytes | None, complaint: str
) -> None:
    run = write_run(tmp_path / "run", [0.5])
    (run / file).unlink()
    if text is not None:
        (run / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=complaint) as error:
        plot([run], tmp_path / "out.png")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.png").exists()


def test_what_cannot_be_plotted_is_refused_in_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [0.5])
    (tmp_path / "empty").mkdir()
    (run / "timing.csv").unlink()
    refused: list[tuple[list[Path], Path, dict[str, Any], str]] = [
        ([tmp_path / "none"], tmp_path / "o.png", {}, "no such run: .*none"),
        ([tmp_path / "empty"], tmp_path / "o.png", {}, "no runs in .*empty"),
        ([run], tmp_path / "o.jpeg", {}, r"o\.jpeg must end in \.png, \.svg or \.pdf"),
        ([run], run / "progress.csv" / "o.png", {}, r"o\.png cannot be written"),
        ([run], tmp_path / "o.png", {"x": "seconds"}, r"no such file: .*timing\.csv"),
    ]
    for runs, out, more, complaint in refused:
        with pytest.raises(UsageError, match=complaint):
            plot(runs, out, **more)


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    with pytest.raises(UsageError, match=r"out\.png cannot be written: it is a folder"):
        plot([write_run(tmp_path / "run", [0.5])], tmp_path / "out.png")


def test_without_matplotlib_plotting_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", [0.5])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pip install 'goalrelay\[viz\]'"):
        plot([run], tmp_path / "out.png")


def test_names_of_any_letters_are_drawn_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    names = ["esc\x1b[1m", "x\ny", "$a$b\\x$", "\u4f60\u597d", "\U0001f916"]
    runs = [f"{name}={write_run(tmp_path / str(i), [0.1, 0.2])}" for i, name in enumerate(names)]
    shown = words(drawn(monkeypatch, lambda: plot(runs, tmp_path / "a.png")))
    assert [word for word in shown if word.startswith((r"esc\x1b[1m (n=1)", r"x\ny (n=1)"))]
    assert "$a$b\\x$ (n=1)" in shown
    assert not recwarn.list
