"""Each episode that is asked for is there in the end, once, whatever happens to workers."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from thread_pool import ThreadPool

from goalrelay.errors import Stopped, TaskFailed, UsageError
from goalrelay.scale import dispatch
from goalrelay.scale.collector import RemoteCollector
from goalrelay.scale.dispatch import Dispatcher
from goalrelay.scale.pool import Event, Job, Packed
from goalrelay.types import Episode

SEEDS = list(range(100, 130))


class Packable:
    """Who acts, as far as a pool needs it."""

    def packed(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}


class Echo:
    """A worker whose episodes hold their seed."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()

    def has(self, number: int) -> bool:
        """See `ray_pool.Worker`."""
        return number in self.numbers

    def take(self, number: int, arrays: Any) -> None:
        """See `ray_pool.Worker`."""
        self.numbers.add(number)

    def run(self, number: int, seed: int, evaluation: bool) -> Episode | TaskFailed:
        """See `ray_pool.Worker`."""
        assert self.has(number)
        if seed == 13:
            return TaskFailed("the episode with seed 13")
        nothing = np.zeros((2, 1), np.float32)
        return Episode(nothing, nothing, nothing, nothing[:1], False, float(evaluation), seed)


Make = Callable[..., tuple[RemoteCollector, ThreadPool, list[str]]]


@pytest.fixture
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    opened = []

    def make(
        fault: Callable[[str, Job], float | str] = lambda *_: 0.0,
        workers: int = 3,
        timeout: float = 60.0,
    ) -> tuple[RemoteCollector, ThreadPool, list[str]]:
        pool, lines = ThreadPool(Echo, workers, fault=fault), list[str]()
        opened.append(RemoteCollector(Dispatcher(pool, timeout, lines.append), lines.append))
        return opened[-1], pool, lines

    yield make
    for collector in opened:
        collector.close()


def seeds_of(episodes: list[Episode]) -> list[float]:
    return [episode.total_reward for episode in episodes]


def test_episodes_come_in_the_order_of_their_seeds(collecting: Make) -> None:
    late = {SEEDS[0]: 0.2, SEEDS[7]: 0.1}
    collector, pool, _ = collecting(lambda _, job: late.get(job.seed, 0.0))
    assert seeds_of(collector.collect(Packable(), SEEDS)) == SEEDS
    assert pool.done != SEEDS and sorted(pool.done) == SEEDS


def test_the_episodes_of_workers_that_die_are_collected_again(collecting: Make) -> None:
    died: list[int] = []

    def fault(worker: str, job: Job) -> float | str:
        if job.seed % 5 == 0 and died.count(job.seed) < 2:
            died.append(job.seed)
            return "die"
        return 0.0

    collector, pool, lines = collecting(fault)
    assert seeds_of(collector.collect(Packable(), SEEDS)) == SEEDS
    assert sorted(pool.done) == SEEDS, "none is collected twice"
    assert len(died) == 12 == sum("left: it died" in line for line in lines)
    assert collector.again == 12


def test_a_worker_that_hangs_is_ended_and_replaced(collecting: Make) -> None:
    collector, _, lines = collecting(
        lambda worker, _: 30.0 if worker == "w0" else 0.0, workers=1, timeout=0.3
    )
    assert seeds_of(collector.collect(Packable(), SEEDS)) == SEEDS
    assert any("w0 is ended: its episode takes longer than 0.3 s" in line for line in lines)


def test_the_episode_of_a_slow_worker_is_given_to_another_too(
    collecting: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "SLOW_SECONDS", 0.2)
    collector, _, lines = collecting(lambda worker, _: 20.0 if worker == "w1" else 0.01)
    assert seeds_of(collector.collect(Packable(), SEEDS)) == SEEDS
    assert any("worker w1 is slow" in line for line in lines)
    assert collector.again == 1


def test_a_worker_that_joins_late_is_used(collecting: Make) -> None:
    collector, pool, _ = collecting(workers=0)
    request = collector.start(Packable(), SEEDS)
    assert request.missing == len(SEEDS)
    pool.start()
    assert seeds_of(collector.finish(request)) == SEEDS


def test_an_episode_that_ends_every_worker_is_named(collecting: Make) -> None:
    collector, _, _ = collecting(lambda _, job: "die" if job.seed == SEEDS[4] else 0.0)
    with pytest.raises(TaskFailed, match=f"the episode with seed {SEEDS[4]} ended 5 workers: w"):
        collector.collect(Packable(), SEEDS)


def test_an_episode_that_fails_is_raised_or_left_out(collecting: Make) -> None:
    collector, _, _ = collecting()
    failures: list[TaskFailed] = []
    episodes = collector.collect(Packable(), [12, 13, 14], failed=failures.append)
    assert seeds_of(episodes) == [12, 14] and len(failures) == 1
    with pytest.raises(TaskFailed, match="seed 13"):
        collector.collect(Packable(), [12, 13, 14])


def test_without_workers_a_run_that_is_to_stop_does(collecting: Make) -> None:
    collector, _, _ = collecting(workers=0)
    stop = threading.Event()
    collector.stopping = stop.is_set
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Stopped):
        collector.collect(Packable(), SEEDS)


def test_an_evaluation_that_is_not_to_go_on_ends_with_what_has_begun(collecting: Make) -> None:
    collector, pool, _ = collecting(lambda *_: 0.02)
    episodes = collector.collect(Packable(), SEEDS, True, lambda done: done < 6)
    assert 6 <= len(episodes) < len(SEEDS)
    assert all(episode.success == 1 for episode in episodes), "they are of evaluation"
    assert sorted(pool.done) == sorted(seeds_of(episodes)), "none that has begun is left out"


def test_evaluation_comes_before_training_episodes_that_wait(collecting: Make) -> None:
    collector, pool, _ = collecting(lambda *_: 0.02, workers=1)
    request = collector.start(Packable(), SEEDS)
    collector.collect(Packable(), [1, 2], True)
    assert request.missing > len(SEEDS) / 2
    assert seeds_of(collector.finish(request)) == SEEDS
    assert sorted(pool.done) == [1, 2, *SEEDS]


def test_a_worker_that_cannot_open_the_task_ends_the_run(collecting: Make) -> None:
    collector, pool, _ = collecting(workers=0)
    pool.events.put(Event("w9", "refused", reason="no task 'x'"))
    with pytest.raises(UsageError, match="worker w9: no task 'x'"):
        collector.collect(Packable(), SEEDS)


def test_an_episode_that_hangs_everywhere_is_named_though_workers_are_idle(
    collecting: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "SLOW_SECONDS", 0.1)
    collector, _, _ = collecting(
        lambda _, job: 20.0 if job.seed == SEEDS[-1] else 0.0, workers=2, timeout=0.4
    )
    with pytest.raises(TaskFailed, match=f"the episode with seed {SEEDS[-1]} ended 5 workers"):
        collector.collect(Packable(), SEEDS)


def test_what_has_used_its_attempts_can_be_taken_back() -> None:
    pool = ThreadPool(Echo, 1, fault=lambda *_: "die")
    dispatcher = dispatch.Dispatcher(pool, 60.0, lambda _: None)
    request = dispatcher.request(Packed(1, {}), [5], False)
    with pytest.raises(TaskFailed):
        while True:
            dispatcher.wait(request, 1, 0.1)
    assert dispatcher.cancel(request) == 0
    dispatcher.close(False)


def test_a_worker_that_cannot_work_does_not_end_a_run_that_has_others(collecting: Make) -> None:
    collector, pool, lines = collecting(workers=1)
    assert seeds_of(collector.collect(Packable(), [1])) == [1]
    pool.events.put(Event("w9", "refused", reason="no task 'x'"))
    assert seeds_of(collector.collect(Packable(), SEEDS)) == SEEDS
    assert "worker w9 cannot work: no task 'x'" in lines
