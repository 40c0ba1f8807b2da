"""Markers on the page: goals that can be dragged, the goal that a stage pursues, a sub-goal."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import viser

from goalrelay.report.acting import Acting
from goalrelay.report.web.goals import Place

GOAL = (220, 40, 40)
SUBGOAL = (30, 160, 60)
STAGES = (
    (31, 119, 180),
    (255, 127, 14),
    (148, 103, 189),
    (23, 190, 207),
    (227, 119, 194),
    (188, 189, 34),
)
"""Colours of stages by their number; they repeat."""


class Markers:
    """The markers on a page.

    Args:
        server: of the page.
        places: goals that can be dragged.
        radius: of the ball at a goal.
        request: asks for something to be done between two steps.
        drag: is asked for with the number of a goal and the position [3] to which it was dragged.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        places: Sequence[Place],
        radius: float,
        request: Callable[[Callable[[], None]], None],
        drag: Callable[[int, np.ndarray], None],
    ):
        self._server, self._places, self._radius = server, places, radius
        self._request, self._drag = request, drag
        self._goals = [self._goal(number, place) for number, place in enumerate(places)]
        self._at = np.full((len(places), 3), np.inf)
        """[goals, 3] positions that the page has; one that is being dragged is left alone."""
        self._stage = self._ball("/stage", STAGES[0], 1.7 * radius, opacity=0.35)
        self._stage_name = self._label("/stage/name", "", below=True)
        self._subgoal = self._ball("/subgoal", SUBGOAL, 1.2 * radius)
        self._label("/subgoal/name", "sub-goal")

    def update(self, goal: np.ndarray, now: Acting) -> None:
        """Show the markers.

        Args:
            goal: the desired goal [G].
            now: who acts, and what is pursued.
        """
        with self._server.atomic():
            for number, place in enumerate(self._places):
                position = place.of(goal)
                if not np.allclose(self._at[number], position, atol=1e-6):
                    self._goals[number].position = self._at[number] = position
            self._put(self._stage, now.goals[0] if now.goals else None)
            name = now.stage or "goal"
            if self._stage_name.text != name:
                self._stage_name.text = name
                self._stage.color = STAGES[(now.number or 0) % len(STAGES)]
            self._put(self._subgoal, now.subgoal)

    def _dragged(self, number: int, position: np.ndarray) -> None:
        self._at[number] = position
        self._drag(number, position)

    def _goal(self, number: int, place: Place) -> Any:
        """A handle with a ball in it."""
        handle = self._server.scene.add_transform_controls(
            f"/goals/{number}",
            scale=6 * self._radius,
            line_width=3.0,
            active_axes=(True, True, place.size == 3),
            disable_rotations=True,
            depth_test=False,
        )

        async def moved(event: Any) -> None:
            position = np.array(event.target.position)
            self._request(partial(self._dragged, number, position))

        handle.on_update(moved)
        self._ball(f"/goals/{number}/ball", GOAL, self._radius, visible=True)
        if len(self._places) > 1:
            self._label(f"/goals/{number}/name", place.name or f"goal {number}")
        return handle

    def _ball(
        self,
        name: str,
        colour: tuple[int, int, int],
        radius: float,
        opacity: float | None = None,
        visible: bool = False,
    ) -> Any:
        return self._server.scene.add_icosphere(
            name, radius, colour, opacity=opacity, cast_shadow=False, visible=visible
        )

    def _label(self, name: str, text: str, below: bool = False) -> Any:
        """A name above or below a ball."""
        return self._server.scene.add_label(
            name,
            text,
            position=(0.0, 0.0, (-2 if below else 2) * self._radius),
            anchor="top-center" if below else "bottom-center",
            font_screen_scale=0.8,
        )

    def _put(self, ball: Any, position: np.ndarray | None) -> None:
        """Show a ball at a position [2] or [3]; None: hide it."""
        ball.visible = position is not None
        if position is not None:
            height = self._places[0].height if self._places else 0.0
            ball.position = position if len(position) == 3 else np.append(position, height)
