"""A gamepad, without one: pygame's own event queue, and a stand-in for its joystick."""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from goalrelay.data.rollout import Simulator
from goalrelay.demos.teleop import gamepad, steering
from goalrelay.demos.teleop.gamepad import Gamepad
from goalrelay.demos.teleop.steering import DOWN, Hand, Keys
from goalrelay.tasks.goal_task import open_task

pygame = pytest.importorskip("pygame")


class Stick:
    """Stands in for pygame's joystick, of six axes; buttons come as real events of pygame."""

    def __init__(self, axes: int = 6):
        self.axes: Sequence[float] = [0.0] * axes
        self.freed = False

    def get_numaxes(self) -> int:
        return len(self.axes)

    def get_axis(self, axis_number: int, /) -> float:
        return self.axes[axis_number]

    def quit(self) -> None:
        self.freed = True


def send(kind: int, **values: int) -> None:
    pygame.event.post(pygame.event.Event(kind, **values))


@pytest.fixture
def stick(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stick]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    gamepad.start()
    pygame.event.clear()
    yield Stick()
    pygame.quit()


@pytest.fixture(scope="module")
def reach() -> Iterator[Simulator]:
    task = open_task("goalrelay/FetchReach-v0")
    yield task
    task.close()


def test_sticks_move_and_rest(stick: Stick) -> None:
    pad = Gamepad(stick)
    stick.axes = [0, 0, -1, 0, 0, -1]  # triggers rest there
    assert not pad.sticks().any()
    stick.axes = [1, 0.5, -1, 0, -1.00003, -1]
    np.testing.assert_array_equal(pad.sticks(), [1, -0.5, 1])
    stick.axes = [0.1, 0, 0, 0]
    assert pad.sticks()[0] == 0, "sticks at rest are never quite in the middle"


def test_pads_with_four_axes_have_the_right_stick_on_the_last(stick: Stick) -> None:
    stick.axes = [0, 0, 0, 1]
    np.testing.assert_array_equal(Gamepad(stick).sticks(), [0, 0, -1])
    stick.axes = [1, 0]
    np.testing.assert_array_equal(Gamepad(stick).sticks(), [1, 0, 0])


def test_buttons_are_counted_when_they_go_down(stick: Stick) -> None:
    pad = Gamepad(stick)
    assert not pad.pressed()
    for kind in (pygame.JOYBUTTONDOWN, pygame.JOYBUTTONUP) * 2:
        send(kind, button=0)
    assert pad.pressed()
    assert [pad.presses(0), pad.presses(0), pad.presses(1)] == [2, 0, 0]


def test_a_pad_that_is_unplugged_lets_go(stick: Stick) -> None:
    pad = Gamepad(stick)
    stick.axes = [1, 0, 0, 0]
    assert pad.sticks()[0] == 1
    send(pygame.JOYDEVICEREMOVED, instance_id=0)
    assert not pad.sticks().any()
    assert not pad.present
    assert stick.freed


def test_without_a_pad_nothing_is_pressed() -> None:
    none = Gamepad()
    assert not none.present
    assert not none.sticks().any()
    assert not none.pressed()


def test_without_pygame_there_is_no_pad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    assert not gamepad.first().present


def test_a_pad_moves_the_hand_and_its_fingers(reach: Simulator, stick: Stick) -> None:
    person = Hand(reach, Keys(), Gamepad(stick), speed=0.5)
    person.begin()
    assert not person.stirs()
    stick.axes = [0, -1, 0, 0]
    send(pygame.JOYBUTTONDOWN, button=steering.PAD_FINGERS)
    assert person.stirs()
    np.testing.assert_array_equal(person.action(), [0, 1, 0, -1])
    person.keys.press(DOWN)
    np.testing.assert_array_equal(person.action(), [0, 0.5, 0, -1])
    send(pygame.JOYBUTTONDOWN, button=steering.PAD_AGAIN)
    assert person.ends()
    assert person.again


def test_a_stick_held_over_from_the_last_episode_must_come_back_first(
    reach: Simulator, stick: Stick
) -> None:
    person = Hand(reach, Keys(), Gamepad(stick), speed=0.5)
    stick.axes = [1, 0, 0, 0]
    person.begin()
    assert not person.stirs()
    stick.axes = [0, 0, 0, 0]
    assert not person.stirs()
    stick.axes = [1, 0, 0, 0]
    assert person.stirs()
