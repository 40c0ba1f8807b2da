"""What a person steers is recorded as it was executed, and what succeeds is kept, come what may."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import Demonstration
from goalrelay.demos.teleop import session as teleop
from goalrelay.demos.teleop.gamepad import Gamepad
from goalrelay.demos.teleop.session import Wish
from goalrelay.demos.teleop.steering import (
    ENTER,
    ESCAPE,
    LEFT,
    PAGE_DOWN,
    RIGHT,
    SPACE,
    UP,
    Hand,
    Keys,
)
from goalrelay.tasks.goal_task import open_task

TASK = "goalrelay/FetchReach-v0"
SEED = 18
"""Of a start from which two full steps away (y) and two down reach the goal."""
HELD_SEED = 48
"""Of a start at which the goal holds."""
HOLD = 12
"""Steps that last half a second."""
CLOSES = -1
"""Stands for closing the window where a key is told."""
Script = Mapping[tuple[int, int], Sequence[int] | BaseException]
"""Episode and step -> the keys that are pressed there, or what goes wrong."""


@pytest.fixture(scope="module")
def reach() -> Iterator[Simulator]:
    task = open_task(TASK, ["max_episode_steps=20"])
    yield task
    task.close()


class Person(Hand):
    """Presses keys at certain steps of certain episodes, or closes the window there."""

    def __init__(self, task: Simulator, script: Script):
        super().__init__(task, Keys(), Gamepad(), speed=1.0)
        self.script = script
        self.episode = -1
        self.step = 0
        self.open = True

    def begin(self) -> None:
        super().begin()
        self.episode, self.step = self.episode + 1, 0
        self.presses()

    def action(self) -> np.ndarray:
        action = super().action()
        self.step += 1
        self.presses()
        return action

    def presses(self) -> None:
        todo = self.script.get((self.episode, self.step), ())
        if isinstance(todo, BaseException):
            raise todo
        for key in todo:
            if key == CLOSES:
                self.open = False
            self.keys.press(key)
            self.keys.release(key)

    def plays(self, task: Simulator, episodes: int = 9, keep_failures: bool = False):
        saved: list[list[Demonstration]] = [[]]
        lines: list[str] = []
        wish = Wish(episodes, keep_failures, SEED)

        def save(kept: Sequence[Demonstration]) -> None:
            assert len(kept) == len(saved[-1]) + 1  # as soon as there is one more
            saved.append(list(kept))

        count = teleop.session(task, self, lambda: self.open, wish, save, lines.append)
        assert count == len(saved[-1])
        return saved[-1], lines


def solving(after: int = 0) -> dict[tuple[int, int], Sequence[int]]:
    """The keys for the first start, from some step on."""
    return {(0, after + step): (key,) for step, key in enumerate((UP, PAGE_DOWN) * 2)}


def expect_the_same_again(task: Simulator, one: Demonstration) -> None:
    seen, _ = task.env.reset(seed=one.seed)
    for t, action in enumerate(one.action):
        np.testing.assert_array_equal(seen["observation"], one.observation[t])
        seen, reward, *_ = task.env.step(action)
        assert reward == one.reward[t]


def test_a_success_is_kept_as_soon_as_it_has_held(reach: Simulator) -> None:
    kept, lines = Person(reach, solving()).plays(reach, episodes=1)
    (one,) = kept
    assert one.seed == SEED
    first = int(np.argmax(one.success))
    assert one.success[first:].tolist() == [1.0] * HOLD
    assert one.length == first + HOLD < 20
    expected = np.zeros((one.length, 4))
    expected[[0, 2], 1], expected[[1, 3], 2], expected[:, 3] = 1, -1, 1
    np.testing.assert_array_equal(one.action, expected)
    assert lines == [f"start 18: success, kept (steps: {one.length}; kept so far: 1)"]


def test_what_is_recorded_is_what_was_executed(reach: Simulator) -> None:
    (one,), _ = Person(reach, {**solving(), (0, 4): (SPACE,)}).plays(reach, episodes=1)
    expect_the_same_again(reach, one)
    assert one.action.dtype == np.float32
    assert set(one.action[4:, 3]) == {-1}


def test_success_at_the_time_limit_is_kept_without_having_held_for_long(reach: Simulator) -> None:
    (one,), _ = Person(reach, {(0, 0): (SPACE,), **solving(after=12)}).plays(reach, episodes=1)
    assert one.length == 20
    assert 0 < one.success.sum() < HOLD


def test_failures_are_kept_only_if_asked_for(reach: Simulator) -> None:
    idle = {(0, 0): (SPACE,), (1, 0): (ESCAPE,)}
    kept, lines = Person(reach, idle).plays(reach)
    assert not kept
    assert lines[0] == "start 18: failure, not kept (steps: 20; kept so far: 0)"
    kept, _ = Person(reach, idle).plays(reach, keep_failures=True)
    assert [one.length for one in kept] == [20], "and not the one that was left"


def test_enter_drops_even_a_success_and_shows_the_next_start(reach: Simulator) -> None:
    person = Person(reach, {**solving(), (0, 8): (ENTER,), (1, 0): (RIGHT,), (2, 0): (ESCAPE,)})
    kept, lines = person.plays(reach, keep_failures=True)
    assert [one.seed for one in kept] == [SEED + 1]
    assert lines[0].startswith("start 18: dropped, not kept (steps: 8;")


@pytest.mark.parametrize("end", [(ESCAPE,), (CLOSES,), KeyboardInterrupt()])
def test_however_it_ends_what_was_kept_stays(reach: Simulator, end: Any) -> None:
    kept, _ = Person(reach, {**solving(), (1, 0): (LEFT,), (1, 5): end}).plays(reach)
    assert [one.seed for one in kept] == [SEED]


@pytest.mark.parametrize("end", [(ESCAPE,), (CLOSES,)])
def test_a_goal_that_holds_at_the_start_is_no_success_of_one_who_leaves(
    reach: Simulator, end: Any
) -> None:
    person = Person(reach, {(0, 0): end})
    saved: list[Any] = []
    kept = teleop.session(
        reach, person, lambda: person.open, Wish(1, True, HELD_SEED), saved.append, lambda _: None
    )
    seen, _ = reach.env.reset(seed=HELD_SEED)
    assert np.linalg.norm(seen["achieved_goal"] - seen["desired_goal"]) < 0.05
    assert not kept
    assert not saved


def test_time_stands_still_until_the_first_key(
    reach: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(reach, {(1, 0): (ESCAPE,)})
    glances: list[float] = []

    def glance(seconds: float) -> None:
        assert person.step == 0
        glances.append(seconds)
        if len(glances) == 30:
            person.keys.press(RIGHT)

    monkeypatch.setattr(time, "sleep", glance)
    (one,), _ = person.plays(reach, keep_failures=True)
    assert len(glances) == 30
    assert one.action[0, 0] == 1
