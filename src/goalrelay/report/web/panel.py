"""The controls of the page: what a person asks for, in a queue, and what is said to the person.

viser calls from a thread of its own. Nothing is done there: a request is put into the queue, and
the thread that simulates takes it out between two steps.
"""

import html
import queue
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import viser

AS_IN_TESTS = "as in tests"
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Simulation time per real time."""
DIRECTIONS: Mapping[str, tuple[int, int, int]] = {
    "-x": (-1, 0, 0),
    "+x": (1, 0, 0),
    "-y": (0, -1, 0),
    "+y": (0, 1, 0),
    "up": (0, 0, 1),
}
"""Label of a button -> where it moves an object."""


class Panel:
    """The controls, and what they are set to. The attributes change in `take` only.

    Args:
        server: of the page.
        stages: names of the stages that can be chosen; empty: there is no choice.
        objects: names of the objects that can be moved.
    """

    def __init__(self, server: viser.ViserServer, stages: Sequence[str], objects: Sequence[str]):
        self.paused, self.new_episode, self.speed = False, False, 1.0
        self.steps = 0
        """Steps to do while paused."""
        self.stage: int | None = None
        """Number of the stage that is to act; None: as in tests."""
        self.pushes: list[tuple[int, tuple[int, int, int]]] = []
        """Objects to move, by number, and where to."""
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._gui = server.gui
        self._gui.configure_theme(show_logo=False, show_share_button=False)
        self._gui.set_panel_label("goalrelay play")
        self._gui.main_panel.dock_right()  # beside the scene, not over it
        self._text = self._gui.add_html("")
        self._add_time()
        if stages:
            self._add_stages(stages)
        if objects:
            self._add_objects(objects)

    def request(self, what: Callable[[], None]) -> None:
        """Ask for something to be done between two steps; from any thread."""
        self._requests.put(what)

    def take(self, seconds: float) -> bool:
        """Do all that is asked for, or wait this long for a request; whether there was one."""
        try:
            self._requests.get(timeout=seconds)()
        except queue.Empty:
            return False
        while not self._requests.empty():
            self._requests.get()()
        return True

    def say(self, lines: Mapping[str, str]) -> None:
        """Show a table of texts. Markup in them is shown as text."""
        rows = (
            f"<tr><td style='color:#888;padding-right:0.7em;vertical-align:top'>{html.escape(name)}"
            f"</td><td style='overflow-wrap:anywhere'>{html.escape(text)}</td></tr>"
            for name, text in lines.items()
        )
        content = f"<table style='font-size:0.8em;margin:0.4em 0.8em'>{''.join(rows)}</table>"
        if content != self._text.content:
            self._text.content = content

    def _add_time(self) -> None:
        """Pause, step, a new episode, speed."""
        gui = self._gui
        pause = gui.add_button("Pause", icon=viser.Icon.PLAYER_PAUSE)
        step = gui.add_button("One step", icon=viser.Icon.PLAYER_TRACK_NEXT, disabled=True)
        new = gui.add_button("New episode", icon=viser.Icon.REFRESH)
        speed = gui.add_dropdown("Speed", [f"{s:g} x" for s in SPEEDS], initial_value="1 x")

        def switch() -> None:
            self.paused = not self.paused
            pause.label = "Continue" if self.paused else "Pause"
            pause.icon = viser.Icon.PLAYER_PLAY if self.paused else viser.Icon.PLAYER_PAUSE
            step.disabled = not self.paused

        def one_step() -> None:
            self.steps += 1

        def begin() -> None:
            self.new_episode = True

        def pace() -> None:
            self.speed = float(speed.value.split()[0])

        pause.on_click(self._asks(switch))
        step.on_click(self._asks(one_step))
        new.on_click(self._asks(begin))
        speed.on_update(self._asks(pace))

    def _add_stages(self, stages: Sequence[str]) -> None:
        """A choice of the stage that acts."""
        choice = self._gui.add_dropdown("Stage", [AS_IN_TESTS, *stages])

        def choose() -> None:
            self.stage = None if choice.value == AS_IN_TESTS else stages.index(choice.value)

        choice.on_update(self._asks(choose))

    def _add_objects(self, objects: Sequence[str]) -> None:
        """Buttons that move an object."""
        with self._gui.add_folder("Move an object by its radius"):
            which = self._gui.add_dropdown("Object", list(objects), visible=len(objects) > 1)
            buttons = self._gui.add_button_group(
                objects[0] if len(objects) == 1 else "Where to", list(DIRECTIONS)
            )

        def push() -> None:
            self.pushes.append((objects.index(which.value), DIRECTIONS[buttons.value]))

        buttons.on_click(self._asks(push))

    def _asks(self, what: Callable[[], None]) -> Callable[[Any], Coroutine[Any, Any, None]]:
        """A callback for viser that asks for something. A coroutine is called in order."""

        async def ask(_: Any) -> None:
            self.request(what)

        return ask
