"""The table of costs: its fit, and that its figures are measured for every number of objects."""

import csv
import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("tables_of_cost")


def test_a_line_is_found_and_has_no_square_term(cost: Any) -> None:
    found = cost.fit([1, 2, 3, 4], [5, 7, 9, 11])
    assert found == pytest.approx((3, 2, 1, 0), abs=1e-9)


def test_a_square_is_told_from_a_line(cost: Any) -> None:
    found = cost.fit([1, 2, 3, 4], [1, 4, 9, 16])
    assert found.quadratic == pytest.approx(1)
    assert (found.intercept, found.slope) == pytest.approx((-5, 5))
    assert found.r2 == pytest.approx(1 - 4 / 129)


def test_medians_are_of_rounds_and_ratios_within_a_round(cost: Any, tmp_path: Path) -> None:
    head = "round,objects,steps,buffer_bytes,network_bytes,episode_seconds,update_milliseconds"
    rows = ["0,1,50,5000,1e6,0.1,10,1", "0,2,60,9000,2e6,0.2,12,2"]
    rows += ["1,1,50,5000,1e6,0.3,20,1", "1,2,60,9000,2e6,0.4,24,2"]
    rows += ["2,1,50,5000,1e6,0.2,40,1", "2,2,60,9000,2e6,0.3,60,2"]
    (tmp_path / "c.csv").write_text("\n".join([f"{head},sampling_milliseconds", *rows]) + "\n")
    one, two = cost.medians(tmp_path / "c.csv")
    assert one["update_milliseconds"] == 20 and one["step_milliseconds"] == pytest.approx(4)
    assert two["update_ratio"] == pytest.approx(1.2) and two["update_milliseconds"] == 24
    assert two["sampling_milliseconds"] == 2 and two["gradient_milliseconds"] == 22
    assert two["buffer_bytes_a_step"] == 150 and two["network_megabytes"] == 2


def test_every_number_of_objects_was_measured_in_every_round(cost: Any) -> None:
    with (ROOT / "results/cost.csv").open() as file:
        rows = list(csv.DictReader(file))
    measured = [(int(row["round"]), int(row["objects"])) for row in rows]
    rounds = max(number for number, _ in measured) + 1
    assert rounds >= 3
    assert measured == [(number, count) for number in range(rounds) for count in range(1, 7)]
    page = (ROOT / "docs/cost.md").read_text()
    for row in cost.medians(ROOT / "results/cost.csv"):
        first = [f"{row[name]:.0f}" for name in ("objects", "stages", "observation", "steps")]
        assert f"| {' | '.join(first)} | {row['buffer_bytes'] / 1e3:.1f} |" in page


def test_what_the_page_says_of_the_claim_is_measured(cost: Any) -> None:
    page = " ".join((ROOT / "docs/cost.md").read_text().split())
    rows = cost.medians(ROOT / "results/cost.csv")
    cycles = [row["episode_seconds"] + 0.08 * row["update_milliseconds"] for row in rows]
    assert f"takes {cycles[0]:.2f} s with one object and {cycles[-1]:.2f} s with six" in page
    stored = [row["buffer_bytes_a_step"] for row in rows]
    assert f"take {stored[0]:.0f} MB with one object, {stored[-1]:.0f} MB with six" in page
    line = cost.fit(range(1, 7), [row["update_milliseconds"] for row in rows])
    assert f"takes {line.slope / (line.intercept + line.slope):.0%} longer for each" in page
    assert f"{rows[-1]['update_ratio']:.1f} times as long with six" in page
    assert line.r2 > 0.95


def test_a_stored_step_grows_as_the_tasks_say(cost: Any) -> None:
    """Four bytes a number, rows for L + 1 timesteps: the buffer has no copy for each stage."""
    for row in cost.medians(ROOT / "results/cost.csv"):
        count = row["objects"]
        assert row["observation"] == 10 + 15 * count + 3 * count * (count - 1) / 2
        assert row["stages"] == 3 * count - 1
        numbers = row["observation"] + 2 * 3 * count + 4 + 1  # two goals, action, weight
        rows = row["steps"] + 1
        assert row["buffer_bytes"] == pytest.approx(rows * (4 * numbers + 1), rel=0.02)
