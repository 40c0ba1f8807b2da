"""A hierarchy learns from demonstrations, whose sub-goals are what their steps achieved."""

from pathlib import Path

import numpy as np

import goalrelay
from goalrelay.demos.dataset import write
from goalrelay.demos.generate import play
from goalrelay.methods import hierarchy
from goalrelay.methods.hierarchy.demonstrated import with_subgoals
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Episode, Spec

MAZE = "goalrelay/PointMazeSparse-v0"
SPEC = Spec(2, 1, 1, 1, False, 5, (-1.0, 0.0), position_columns=(0,), subgoal_range=(3.0,))


def test_a_subgoal_is_the_change_that_was_achieved_while_it_stood() -> None:
    config = hierarchy.Config(subgoal_steps=2)
    position = np.array([0, 1, 2, 3, 9, 10], np.float32)
    observation = np.stack([position, np.zeros(6, np.float32)], axis=1)
    goal = np.zeros((6, 1), np.float32)
    action = np.full((5, 1), 0.5, np.float32)
    episode = Episode(observation, goal, goal, action, False, 0.0, -5.0)
    completed = with_subgoals(SubgoalSpace(config, SPEC), 2, episode)
    # Set at 0, 2 and 4: two ahead; from 2 to 9 is out of range, so 3 ahead; the last step is alone.
    np.testing.assert_array_equal(completed.action[:, 0], 0.5)
    np.testing.assert_array_equal(completed.action[:, 1], [2, 1, 3, 2, 1])


def test_a_run_learns_from_them(tmp_path: Path) -> None:
    task = open_task(MAZE)
    rng = np.random.default_rng(0)
    moves = [play(task, lambda _: rng.uniform(-0.1, 0.1, 2), seed) for seed in range(2)]
    write(tmp_path / "shown", moves, task, "random moves")
    task.close()
    run = goalrelay.train(
        "hierarchy",
        MAZE,
        episodes=3,
        out=tmp_path / "run",
        settings={
            "demos.data": str(tmp_path / "shown"),
            "demos.share": 0.5,
            "learner.hidden": (8,),
            "learner.batch_size": 16,
            "method.exploration.random_steps": 100,
            "evaluate.every": 3,
            "evaluate.episodes": 1,
            "evaluate.confirm": 1,
        },
    )
    assert run.episodes == 3
    assert goalrelay.load(run.folder).episode()
