"""A person steers the robot; the episodes that succeed become demonstrations.

    for each seed:  show the start, wait for the first key, play in real time
                    success held for half a second, or at the time limit: kept

    keys, sticks -> steering.Hand -> generate.play -> Attempt -> Demonstration

The window is another's (`report.viewer`): the task shows itself, `running` says whether its window
is still open.
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
"""Success must hold for so long, in the simulation."""
GLANCE_SECONDS = 0.01
"""How often it looks for the first key."""

Running = Callable[[], bool]
Ending = Literal["success", "failure", "dropped", "left"]


class Attempt(NamedTuple):
    """An episode as a person played it."""

    demonstration: Demonstration
    ending: Ending
    """Success, failure, dropped by the person, or left half-way."""


class Wish(NamedTuple):
    """What a session is to bring."""

    episodes: int
    """To keep."""
    keep_failures: bool
    """Whether those that fail count too."""
    seed: int
    """Of the first start; the others count on from it."""


def session(
    task: Simulator,
    hand: Hand,
    running: Running,
    wish: Wish,
    save: Callable[[Sequence[Demonstration]], Any],
    say: Callable[[str], Any] = print,
) -> int:
    """Play until enough is kept, the person leaves, or Ctrl-C.

    Args:
        task: with goals; its environment is used as it is, and shows itself.
        hand: whose actions are played.
        running: whether the window is open.
        wish: what it is to bring.
        save: takes all that is kept, as soon as there is one more.
        say: takes a line about each.

    Returns:
        how many were kept.
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
    """One episode; its time runs from the person's first key or motion.

    Args:
        task: with goals.
        hand: whose actions are played.
        running: whether the window is open.
        seed: of the start.
    """
    hold = max(1, round(HOLD_SECONDS / step_seconds(task)))
    begun: bool | None = None

    def act(_: Any) -> np.ndarray:
        nonlocal begun
        if begun is None:
            while running() and not hand.stirs():
                time.sleep(GLANCE_SECONDS)
            begun = running() and not hand.ends()  # else what holds at the start is no success
        return task.interface.native(hand.action())

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
    """How long a step lasts in the simulation, s."""
    return 1 / float(task.env.metadata.get("render_fps") or 25)


def describe(task: Simulator, hand: Hand, pace: float) -> str:
    """What the keys do, in lines.

    Args:
        task: to be steered.
        hand: that steers it.
        pace: seconds of the simulation in a second.
    """
    seconds = task.spec.horizon * step_seconds(task) / pace
    if hand.has_fingers:
        ways = ["to the right and left (x)", "away from you and back (y)", "up and down (z)"]
    else:
        ways = [f"number {i} of the action, up and down" for i in range(1, hand.moves + 1)]
    rows = list(zip(PAIRS, ways, strict=False))
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
    """Ctrl-C is not heard while this lasts: it must not cost what was played."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
