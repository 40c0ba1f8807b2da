"""The curves beside Stable-Baselines3 count learning alone, and keep what other runs wrote."""

import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(name="script")
def her_curve_vs_sb3(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("her_curve_vs_sb3")


def test_the_clock_stands_still_during_tests(script: Any) -> None:
    now, steps = 0.0, 0

    def learn() -> None:
        nonlocal now, steps
        now, steps = now + 4.0, steps + 50

    def test(number: int) -> float:
        nonlocal now
        now += 100.0
        return number / 10

    side = script.Side(learn, lambda: steps, lambda: None, {})
    rows = script.curve(side, test, 3.0, 30.0, 10.0, lambda: now)
    assert rows == [(3.0, 0, 0.0), (11.0, 100, 0.1), (23.0, 250, 0.2), (31.0, 350, 0.3)]


def test_success_is_that_of_the_last_step(script: Any) -> None:
    class Two:
        """Episodes of two steps; done after the first, and at the end if the action says so."""

        def reset(self, seed: int) -> Any:
            self.time, self.seed = 0, seed
            return self.seed, {}

        def step(self, action: float) -> Any:
            self.time += 1
            done = self.time == 1 or bool(action)
            return self.seed, 0.0, False, self.time == 2, {"is_success": done}

    assert script.success_rate(Two(), lambda seed: seed % 2, [1, 2, 3, 4]) == 0.5


def test_a_side_that_ran_again_replaces_its_own_rows_alone(script: Any, tmp_path: Path) -> None:
    file, row = tmp_path / "sub/curves.csv", script.Row
    assert script.read(file) == []
    first = [row("sb3-sac", 60.0, 500, 0.1), row("goalrelay", 60.0, 900, 0.5)]
    script.write(file, script.merged([], first))
    again = [row("sb3-sac", 90.0, 700, 0.25), row("sb3-sac", 30.0, 200, 0.0)]
    script.write(file, script.merged(script.read(file), again))
    assert script.read(file) == [first[1], again[1], again[0]]
    assert file.read_text().splitlines()[0] == "side,seconds,steps,success"


def test_the_picture_is_small_and_shows_the_sides_that_ran(script: Any, tmp_path: Path) -> None:
    rows = [script.Row("goalrelay", 30.0 * n, n, n / 24) for n in range(25)]
    both = rows + [script.Row("sb3-tqc", 30.0 * n, n, 0.1) for n in range(25)]
    for name, shown in (("one.png", rows), ("both.png", both)):
        script.draw(shown, tmp_path / name)
    one, two = (tmp_path / name for name in ("one.png", "both.png"))
    assert one.read_bytes() != two.read_bytes()
    assert two.stat().st_size < 100_000
