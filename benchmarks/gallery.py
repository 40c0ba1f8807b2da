"""A picture of every Fetch task of ours: how its expert begins, is half-way, and ends.

    MUJOCO_GL=egl python benchmarks/gallery.py docs/fetch.jpg [--seed 3]

Needs `goalrelay[viz]` and a way to render: MUJOCO_GL=egl with a GPU or Mesa, or osmesa.
"""

import argparse
from types import ModuleType

import gymnasium
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from goalrelay.tasks import own_tasks

SIZE = 300
"""Of a frame, pixels."""
COLUMNS = 2
"""Tasks side by side."""


def frames(task_id: str, module: ModuleType, seed: int) -> list[np.ndarray]:
    """Three frames of an episode of the expert."""
    env = gymnasium.make(task_id, render_mode="rgb_array", width=SIZE, height=SIZE)
    seen, _ = env.reset(seed=seed)
    act, taken, over = module.expert(), [env.render()], False
    while not over:
        seen, _, terminated, truncated, _ = env.step(act(seen))
        over = terminated or truncated
        taken.append(env.render())
    env.close()
    solved = len(taken) - 1
    return [np.asarray(taken[i]) for i in (0, solved // 4, solved)]


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", help="the picture, .png or .jpg")
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    tasks = {
        task_id: module
        for task_id, module in own_tasks().items()
        if ".fetch." in module.__name__ and hasattr(module, "expert") and "Dense" not in task_id
    }
    rows = -(-len(tasks) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * 6.2, rows * 2.25), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes in panels:
        axes.axis("off")
    for axes, (task_id, module) in zip(panels, sorted(tasks.items()), strict=False):
        axes.imshow(np.concatenate(frames(task_id, module, arguments.seed), axis=1))
        axes.set_title(task_id, fontsize=10)
    figure.savefig(arguments.out, dpi=90)


if __name__ == "__main__":
    main()
