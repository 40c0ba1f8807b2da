"""A session of teleoperation: successful episodes become demonstrations.

    for each seed:  show the start, wait for the first key, run in real time
                    keep the episode after half a second of success, or success at the time limit

    keys, sticks -> steering.Hand -> generate.play -> Attempt -> Demonstration

`report.viewer` has the window. The task displays itself, and `running` returns whether the window
is open.
"""

import itertools
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import Demonstration
from goalrelay.demos.generate import play
from goalrelay.demos.load import succeeded
from goalrelay.demos.teleop.steering import PAIRS, Hand

HOLD_SECONDS = 0.5
"""Duration of success after which an episode ends, in simulation time."""
GLANCE_SECONDS = 0.01
"""Interval of checks for the first key."""

Running = Callable[[], bool]
Ending = Literal["success", "failure", "dropped", "left"]


class Attempt(NamedTuple):
    """One episode of a person."""

    demonstration: Demonstration
    ending: Ending
    """Success, failure, dropped by the person, or left before its end."""


class Wish(NamedTuple):
    """The request of a session."""

    episodes: int
    """Number of episodes to keep."""
    keep_failures: bool
    """Whether failures are kept too."""
    seed: int
    """Of the first start; later starts have the next seeds."""


def session(
    task: Simulator,
    hand: Hand,
    running: Running,
    wish: Wish,
    save: Callable[[Sequence[Demonstration]], Any],
    say: Callable[[str], Any] = print,
) -> int:
    """Run episodes until enough are kept, the person leaves, or Ctrl-C.

    Args:
        task: with goals; it displays itself.
        hand: source of the actions.
        running: returns whether the window is open.
        wish: the request.
        save: called with all kept episodes whenever one is added.
        say: called with one line for each episode.

    Returns:
        number of kept episodes.
    """
    kept: list[Demonstration] = []
    try:
        for seed in itertools.count(wish.seed):
            if len(kept) >= wish.episodes or hand.leaves or not running():
                break
            one = attempt(task, hand, running, seed)
            keeps = one.ending == "success" or (wish.keep_failures and one.ending == "failure")
            if keeps:
                kept.append(one.demonstration)
                with undisturbed():
                    save(kept)
            fate = "kept" if keeps else "not kept"
            steps = f"steps: {one.demonstration.length}"
            say(f"start {seed}: {one.ending}, {fate} ({steps}; kept so far: {len(kept)})")
    except KeyboardInterrupt:
        pass
    return len(kept)


def attempt(task: Simulator, hand: Hand, running: Running, seed: int) -> Attempt:
    """One episode; it starts with the person's first key or stick motion.

    Args:
        task: with goals.
        hand: source of the actions.
        running: returns whether the window is open.
        seed: of the start.
    """
    hold = max(1, round(HOLD_SECONDS / step_seconds(task)))
    begun: bool | None = None

    def act(_: Any) -> np.ndarray:
        nonlocal begun
        if begun is None:
            while running() and not hand.stirs():
                time.sleep(GLANCE_SECONDS)
            begun = running() and not hand.ends()  # if not, success at the start does not count
        return task.interface.actions.native(hand.action())

    def stop(success: Sequence[float]) -> bool:
        return hand.ends() or not running() or (len(success) >= hold and min(success[-hold:]) > 0)

    hand.begin()
    played = play(task, act, seed, stop)
    if hand.again:
        return Attempt(played, "dropped")
    if begun and succeeded(played, task) > 0:
        return Attempt(played, "success")
    return Attempt(played, "left" if hand.leaves or not running() else "failure")


def step_seconds(task: Simulator) -> float:
    """Duration of a step in simulation time, s."""
    return 1 / float(task.env.metadata.get("render_fps") or 25)


def describe(task: Simulator, hand: Hand, pace: float) -> str:
    """The functions of the keys, in lines.

    Args:
        task: to be steered.
        hand: source of the actions.
        pace: simulation time per real time.
    """
    seconds = task.spec.horizon * step_seconds(task) / pace
    if hand.has_fingers:
        directions = ["to the right and left (x)", "away from you and back (y)", "up and down (z)"]
    else:
        directions = [f"number {i} of the action, up and down" for i in range(1, hand.moves + 1)]
    rows = list(zip(PAIRS, directions, strict=False))
    rows += [("Space", "opens and closes the fingers")] if hand.has_fingers else []
    rows += [("Enter", "drops the episode and shows another start")]
    rows += [("Escape", "ends; so do Ctrl-C and closing the window. What was kept is there")]
    if hand.pad.present:
        rows += [("gamepad", "sticks as the arrows and Page Up / Page Down; A: Space, B: Enter")]
    keys = "\n".join(f"  {name:20} {what}" for name, what in rows)
    return (
        f"{task.id}: an episode lasts {seconds:.1f} s from your first key on.\n{keys}\n"
        "  (the block of numbers does the same; the mouse turns the view)"
    )


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C, so that it cannot interrupt saving."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
