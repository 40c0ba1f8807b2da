"""Keys and sticks become the actions that a person means."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goalrelay.demos import gamepad, steering
from goalrelay.demos.gamepad import Gamepad
from goalrelay.demos.steering import DOWN, HOME, LEFT, PAGE_UP, RIGHT, SPACE, UP, Hand, Keys
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import Simulator, open_task

NO_PAD = Path("no such device")


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
    return Hand(task, Keys(), pad or Gamepad(NO_PAD), speed)


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


class Pad:
    """The other end of a pipe that stands for a gamepad."""

    def __init__(self, path: Path):
        os.mkfifo(path)
        self.read_end = Gamepad(path)
        self.file = os.open(path, os.O_WRONLY)

    def send(self, kind: int, number: int, value: int) -> None:
        os.write(self.file, struct.pack("=IhBB", 0, value, kind, number))


@pytest.fixture
def pad(tmp_path: Path) -> Iterator[Pad]:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    made = Pad(tmp_path / "js0")
    yield made
    made.read_end.close()
    os.close(made.file)


AXIS, BUTTON, AT_THE_OPENING = gamepad.AXIS, gamepad.BUTTON, gamepad.AT_THE_OPENING


def test_sticks_move_and_rest(pad: Pad) -> None:
    for axis in range(6):
        pad.send(
            AXIS | AT_THE_OPENING, axis, -32767 if axis in (2, 5) else 0
        )  # triggers rest there
    assert not pad.read_end.sticks().any()
    pad.send(AXIS, 0, 32767)
    pad.send(AXIS, 1, 16384)
    pad.send(AXIS, 4, -32768)
    np.testing.assert_allclose(pad.read_end.sticks(), [1, -0.5, 1], atol=1e-3)
    pad.send(AXIS, 0, 3000)
    assert pad.read_end.sticks()[0] == 0, "sticks at rest are never quite in the middle"


def test_pads_with_four_axes_have_the_right_stick_on_the_last(pad: Pad) -> None:
    pad.send(AXIS, 3, 32767)
    np.testing.assert_array_equal(pad.read_end.sticks(), [0, 0, -1])


def test_buttons_are_counted_when_they_go_down(pad: Pad) -> None:
    pad.send(BUTTON | AT_THE_OPENING, 0, 1)
    assert not pad.read_end.pressed(), "it was down before"
    for value in (0, 1, 0, 1):
        pad.send(BUTTON, 0, value)
    assert pad.read_end.pressed()
    assert [pad.read_end.presses(0), pad.read_end.presses(0)] == [2, 0]


def test_events_that_come_in_halves_are_put_together(pad: Pad) -> None:
    event = struct.pack("=IhBB", 7, -32767, AXIS, 1)
    os.write(pad.file, event[:5])
    assert not pad.read_end.sticks().any()
    os.write(pad.file, event[5:])
    assert pad.read_end.sticks()[1] == 1


def test_a_pad_that_is_unplugged_lets_go(pad: Pad, monkeypatch: pytest.MonkeyPatch) -> None:
    pad.send(AXIS, 0, 32767)
    assert pad.read_end.sticks()[0] == 1

    def unplugged(file: int, size: int) -> bytes:
        raise OSError("No such device")

    monkeypatch.setattr(os, "read", unplugged)
    assert not pad.read_end.sticks().any()
    assert not pad.read_end.present


def test_without_a_pad_nothing_is_pressed() -> None:
    none = Gamepad(NO_PAD)
    assert not none.present
    assert not none.sticks().any()
    assert not none.pressed()


def test_a_pad_moves_the_hand_and_its_fingers(reach: Simulator, pad: Pad) -> None:
    person = hand(reach, pad.read_end)
    person.begin()
    assert not person.stirs()
    pad.send(AXIS, 1, -32767)
    pad.send(BUTTON, steering.PAD_FINGERS, 1)
    assert person.stirs()
    np.testing.assert_array_equal(person.action(), [0, 1, 0, -1])
    person.keys.press(DOWN)
    np.testing.assert_array_equal(person.action(), [0, 0.5, 0, -1])
    pad.send(BUTTON, steering.PAD_AGAIN, 1)
    assert person.ends()
    assert person.again


def test_a_stick_held_over_from_the_last_episode_must_come_back_first(
    reach: Simulator, pad: Pad
) -> None:
    person = hand(reach, pad.read_end)
    pad.send(AXIS, 0, 32767)
    person.begin()
    assert not person.stirs()
    pad.send(AXIS, 0, 0)
    assert not person.stirs()
    pad.send(AXIS, 0, 32767)
    assert person.stirs()
