"""A run with workers has the curve of a run with threads, whatever happens to the workers."""

import random
from pathlib import Path
from typing import Any

import pytest
from thread_pool import ThreadPool

import goalrelay
from conftest import SMALL
from goalrelay.errors import UsageError
from goalrelay.train import workers

TASK = "goalrelay/PointReach-v0"
SETTINGS = SMALL | {"collect.episodes": 4, "evaluate.every": 8}


def train(out: Path, episodes: int = 24, **settings: Any) -> str:
    """The curve of a run."""
    named = {name.replace("__", "."): value for name, value in settings.items()}
    goalrelay.train("her", TASK, episodes=episodes, out=out, settings=SETTINGS | named)
    return (out / "progress.csv").read_text()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> type[ThreadPool]:
    class Pool(ThreadPool):
        """Workers of a run."""

    monkeypatch.setattr(workers, "RayPool", Pool)
    return Pool


def test_one_curve_with_threads_and_with_workers_that_die(
    pool: type[ThreadPool], tmp_path: Path
) -> None:
    chance = random.Random(0)
    pool.usual = staticmethod(lambda *_: "die" if chance.random() < 0.1 else 0.0)
    assert train(tmp_path / "threads") == train(tmp_path / "workers", scale__workers=3)


@pytest.mark.parametrize("staleness", [1, 3])
def test_one_curve_with_older_weights_on_any_number_of_workers(
    pool: type[ThreadPool], tmp_path: Path, staleness: int
) -> None:
    curves = {
        train(tmp_path / str(n), scale__workers=n, scale__staleness=staleness) for n in (1, 4)
    }
    assert len(curves) == 1
    names, *rows = [line.split(",") for line in curves.pop().splitlines()]
    found = [int(row[names.index("staleness")]) for row in rows]
    assert found == [min(staleness, int(row[names.index("cycle")])) for row in rows]
    fresh = train(tmp_path / "fresh", scale__workers=1)
    assert fresh.splitlines()[1] != ",".join(rows[0]), "other weights act"


@pytest.mark.parametrize("staleness", [0, 2])
def test_a_run_that_goes_on_has_the_unbroken_curve(
    pool: type[ThreadPool], tmp_path: Path, staleness: int
) -> None:
    settings = {"scale__workers": 2, "scale__staleness": staleness}
    whole = train(tmp_path / "whole", **settings)
    train(tmp_path / "broken", 12, **settings)
    goalrelay.resume(tmp_path / "broken", steps=24 * 25)
    rows = {row.split(",")[0]: row for row in whole.splitlines()}
    later = (tmp_path / "broken" / "progress.csv").read_text().splitlines()[-1]
    assert rows[later.split(",")[0]] == later


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale.staleness": 1}, "--scale.staleness needs --scale.workers or --scale.listen"),
        ({"scale.address": "auto"}, "--scale.address needs --scale.workers"),
        (
            {"scale.workers": 1, "scale.listen": "localhost:0"},
            "--scale.workers and --scale.listen exclude each other",
        ),
        (
            {"scale.workers": 1, "scale.staleness": 1, "collect.bad_episodes": "drop"},
            "--scale.staleness and --collect.bad-episodes drop exclude each other",
        ),
    ],
)
def test_what_cannot_work_together_is_refused(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        goalrelay.train("her", TASK, out=tmp_path / "run", settings=SETTINGS | settings)
    assert not (tmp_path / "run").exists()
