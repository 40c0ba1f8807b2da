"""Keys and sticks become the actions that a person means."""

from collections.abc import Iterator

import numpy as np
import pytest

from goalrelay.data.rollout import Simulator
from goalrelay.demos.teleop import steering
from goalrelay.demos.teleop.gamepad import Gamepad
from goalrelay.demos.teleop.steering import DOWN, HOME, LEFT, PAGE_UP, RIGHT, SPACE, UP, Hand, Keys
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import open_task


class Clock:
    """Time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def reach() -> Iterator[Simulator]:
    task = open_task("goalrelay/FetchReach-v0")
    yield task
    task.close()


def hand(task: Simulator, pad: Gamepad | None = None, speed: float = 0.5) -> Hand:
    return Hand(task, Keys(), pad or Gamepad(), speed)


def test_a_key_is_held_until_its_release() -> None:
    clock = Clock()
    keys = Keys(clock)
    keys.press(RIGHT)
    for clock.now in (0.0, 0.1, 5.0):
        assert keys.held(RIGHT)
    keys.release(RIGHT)
    assert not keys.held(RIGHT)


def test_a_tap_between_two_steps_counts_for_one() -> None:
    keys = Keys(Clock())
    keys.press(UP)
    keys.release(UP)
    assert [keys.held(UP) for _ in range(3)] == [True, False, False]


def test_a_key_whose_release_nobody_tells_is_held_for_a_moment_and_repeats_prolong_it() -> None:
    clock = Clock()
    keys = Keys(clock)
    keys.press(DOWN, release_follows=False)
    clock.now = 0.1
    assert keys.held(DOWN)
    keys.press(DOWN, release_follows=False)
    clock.now = 0.1 + steering.TAP_SECONDS - 0.01
    assert keys.held(DOWN)
    clock.now = 0.1 + steering.TAP_SECONDS
    assert not keys.held(DOWN)


def test_the_block_of_numbers_does_the_same_and_other_keys_nothing() -> None:
    keys = Keys(Clock())
    for key, meant in steering.ALIKE.items():
        keys.press(key)
        assert keys.presses(meant) == 1
        keys.release(key)
        assert not keys.held(meant)
    keys.press(ord("W"))
    assert not keys.pressed()


def test_arrows_move_the_fetch_hand_and_space_its_fingers(reach: Simulator) -> None:
    person = hand(reach)
    person.begin()
    still = [0, 0, 0, 1]
    np.testing.assert_array_equal(person.action(), still)
    for key, action in (
        (RIGHT, [0.5, 0, 0, 1]),
        (DOWN, [0, -0.5, 0, 1]),
        (PAGE_UP, [0, 0, 0.5, 1]),
    ):
        person.keys.press(key)
        np.testing.assert_array_equal(person.action(), action)
        person.keys.release(key)
    person.keys.press(RIGHT)
    person.keys.press(LEFT)
    np.testing.assert_array_equal(person.action(), still)
    person.keys.press(SPACE)
    person.keys.forget()
    person.keys.press(SPACE)
    person.keys.press(UP)
    np.testing.assert_array_equal(person.action(), [0, 0.5, 0, -1])
    person.keys.press(SPACE)
    np.testing.assert_array_equal(person.action(), [0, 0.5, 0, 1])


def test_stock_fetch_tasks_have_fingers_and_mazes_have_none() -> None:
    for name, fingers, moves in (("FetchPush-v4", True, 3), ("PointMaze_UMaze-v3", False, 2)):
        task = open_task(name)
        person = hand(task)
        assert (person.has_fingers, person.moves) == (fingers, moves)
        task.close()


def test_further_numbers_of_an_action_have_keys_in_their_order() -> None:
    task = open_task("HandReach-v3")
    person = hand(task)
    person.keys.press(HOME)
    person.keys.press(ord("6"))
    expected = np.zeros(20)
    expected[[3, 5]] = 0.5, -0.5
    np.testing.assert_array_equal(person.action(), expected)
    task.close()


def test_discrete_tasks_are_refused_by_name() -> None:
    task = open_task("goalrelay/BitFlip-v0")
    with pytest.raises(UsageError, match="'goalrelay/BitFlip-v0' has discrete"):
        hand(task)


def test_what_is_still_held_when_an_episode_begins_must_be_pressed_anew(reach: Simulator) -> None:
    person = hand(reach)
    person.keys.press(RIGHT)
    person.begin()
    assert not person.stirs()
    assert not person.action()[:3].any()
    person.keys.press(RIGHT)
    assert person.stirs()
    assert person.action()[0] == 0.5


@pytest.mark.parametrize("key", [steering.ENTER, steering.BACKSPACE])
def test_enter_asks_for_another_start(reach: Simulator, key: int) -> None:
    person = hand(reach)
    person.begin()
    person.keys.press(key)
    assert person.ends()
    assert person.again
    assert not person.leaves
    person.begin()
    assert not person.ends()


def test_escape_between_two_episodes_is_not_lost(reach: Simulator) -> None:
    person = hand(reach)
    person.keys.press(steering.ESCAPE)
    person.begin()
    assert person.ends()
    assert person.leaves
