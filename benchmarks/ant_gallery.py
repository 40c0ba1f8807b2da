"""A picture of every ant and point task: how an episode begins, is half-way, and ends.

    MUJOCO_GL=egl python benchmarks/ant_gallery.py docs/ant.jpg [--seed 1]

Ants are towed along the solution (no policy walks here), points are steered by their experts.
Needs `goalrelay[viz]` and a way to render: MUJOCO_GL=egl with a GPU or Mesa, or osmesa.
"""

import argparse
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from goalrelay.tasks.ant import fall, gather, maze, point_fall, point_maze, point_push, push
from goalrelay.tasks.ant.towing import tow

SIZE = 300
"""Of a frame, pixels."""
ROWS = ((maze, point_maze), (push, point_push), (fall, point_fall), (gather,))
MOMENTS = {maze: (0, 120, 285), push: (0, 160, 230), fall: (0, 118, 265), gather: (0, 100, 270)}
"""Steps of the frames of the ants' episodes."""


def episode(env: Any, module: ModuleType, seen: Any) -> Iterator[Any]:
    """Steps of the solution."""
    if hasattr(module, "expert"):
        act = module.expert()
        while True:
            seen, *rest = env.step(act(seen))
            yield seen, *rest
    elif module is gather:
        yield from tow(env, round_trip(env.places[: gather.EACH]))
    else:
        yield from tow(env, module.WAY)


def round_trip(places: np.ndarray) -> list[tuple[float, float]]:
    """The apples, [8, 2] m, each time to the nearest one."""
    here, left, way = np.zeros(2), list(places), []
    while left:
        here = left.pop(int(np.argmin([np.hypot(*(place - here)) for place in left])))
        way.append((float(here[0]), float(here[1])))
    return way


def frames(module: ModuleType, seed: int) -> list[np.ndarray]:
    """Three frames of an episode."""
    moments = MOMENTS.get(module, (0, 62, 125))
    settings = {} if module is gather else {"evaluation": True}
    name = next(iter(module.REGISTRATIONS))
    made = gymnasium.make(name, render_mode="rgb_array", width=SIZE, height=SIZE, **settings)
    env: Any = made.unwrapped
    seen, _ = env.reset(seed=seed)
    taken = [env.render()]
    for step, _ in enumerate(episode(env, module, seen), start=1):
        if step in moments:
            taken.append(env.render())
        if step == max(moments):
            break
    env.close()
    return [np.asarray(picture) for picture in taken]


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", help="the picture, .png or .jpg")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    figure = Figure(figsize=(12.4, len(ROWS) * 2.25), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(ROWS), 2, squeeze=False)
    for row, modules in zip(panels, ROWS, strict=True):
        for axes in row:
            axes.axis("off")
        for axes, module in zip(row, modules, strict=False):
            axes.imshow(np.concatenate(frames(module, arguments.seed), axis=1))
            axes.set_title(next(iter(module.REGISTRATIONS)), fontsize=10)
    figure.savefig(arguments.out, dpi=90)


if __name__ == "__main__":
    main()
