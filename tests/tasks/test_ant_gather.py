"""The gathering ant takes what it touches, and sees what it may."""

from typing import Any

import gymnasium
import numpy as np
import pytest

from goalrelay.errors import UsageError
from goalrelay.tasks.ant import gather, scene
from goalrelay.tasks.ant.gather import Environment, heading
from goalrelay.tasks.goal_task import open_task

FAR = 100.0


def make(**arguments: Any) -> Environment:
    env = gymnasium.make("goalrelay/AntGather-v0", **arguments).unwrapped
    assert isinstance(env, Environment)
    env.reset(seed=0)
    return env


def lay(env: Environment, **things: tuple[float, float]) -> None:
    """Put things near a standing ant, `apple0=(x, y)`, and all others far away."""
    env.places = np.full((16, 2), FAR)
    names = [name for name, _ in gather.MARKS]
    for name, place in things.items():
        env.places[names.index(name)] = env.ant.pose[:2] + place


def see(env: Environment, ahead: float, **things: tuple[float, float]) -> dict[int, float]:
    """What the ant reads, where it is not zero: bin -> reading."""
    lay(env, **things)
    seen = env.readings(env.places - env.ant.pose[:2], ahead)
    return {int(i): round(float(seen[i]), 6) for i in np.flatnonzero(seen)}


def test_things_lie_on_even_places_apart_and_away_from_the_start() -> None:
    env, seen = make(), set()
    for seed in range(100):
        env.reset(seed=seed)
        places = {(float(x), float(y)) for x, y in env.places}
        assert len(places) == 16
        seen |= places
    even = range(-10, 10, 2)
    assert seen == {(x, y) for x in even for y in even} - {(0, 0)}


def test_an_apple_gives_one_a_bomb_takes_one_and_each_only_once() -> None:
    env = make()
    lay(env, apple0=(0.5, 0.0), apple1=(0.0, -0.5), bomb0=(0.0, 0.5), bomb1=(2.0, 0.0))
    _, reward, over, _, info = env.step(np.zeros(8))
    assert (reward, over, info) == (1.0, False, {"apples": 2, "bombs": 1})
    assert env.there.sum() == 13
    assert env.step(np.zeros(8))[1] == 0.0


def test_readings_tell_direction_kind_and_nearness() -> None:
    env = make()
    assert see(env, 0.0, apple0=(3.0, 0.1)) == {5: pytest.approx(0.5, abs=1e-3)}
    assert see(env, 0.0, bomb0=(3.0, 0.1)) == {15: pytest.approx(0.5, abs=1e-3)}
    assert see(env, 0.0, apple0=(3.0, -0.1)) == {4: pytest.approx(0.5, abs=1e-3)}
    assert see(env, 0.0, apple0=(-3.0, -0.1)) == {0: pytest.approx(0.5, abs=1e-3)}
    assert see(env, 0.0, apple0=(6.1, 0.0)) == {}


def test_readings_turn_with_the_ant() -> None:
    env = make()
    ahead = np.pi / 2
    assert see(env, ahead, apple0=(-0.1, 3.0)) == {5: pytest.approx(0.5, abs=1e-3)}
    env.ant.pose[3:7] = (np.cos(ahead / 2), 0, 0, np.sin(ahead / 2))
    assert heading(env.ant.pose[3:7]) == pytest.approx(ahead)


def test_nearer_things_hide_farther_ones_of_their_kind_and_taken_ones_nothing() -> None:
    env = make()
    things = {"apple0": (4.8, 0.1), "apple1": (2.4, 0.1), "bomb0": (3.6, 0.1)}
    near = pytest.approx(0.6, abs=1e-3)
    assert see(env, 0.0, **things) == {5: near, 15: pytest.approx(0.4, abs=1e-3)}
    env.there[1] = False
    assert see(env, 0.0, **things)[5] == pytest.approx(0.2, abs=1e-3)


def test_an_episode_ends_when_all_is_taken() -> None:
    env = make()
    env.places[:] = env.ant.pose[:2]
    _, reward, over, _, _ = env.step(np.zeros(8))
    assert (reward, over) == (0.0, True)


def test_a_fall_ends_the_episode_at_the_cost_that_was_asked_for() -> None:
    for arguments, expected in (
        ({}, (0.0, True)),
        ({"fall_cost": 10.0}, (-10.0, True)),
        ({"ends_on_fall": False, "fall_cost": 10.0}, (0.0, False)),
    ):
        env = make(**arguments)
        lay(env)
        env.ant.pose[2] = 1.5
        assert env.step(np.zeros(8))[1:3] == expected


def test_an_ant_on_its_back_has_not_fallen() -> None:
    """The published lower bound is below what the torso's radius allows."""
    env = make()
    lay(env)
    env.ant.pose[3:7] = (0, 1, 0, 0)
    assert not any(env.step(np.zeros(8))[2] for _ in range(100))
    assert 0.2 < env.ant.pose[2] < 0.6


def test_learners_see_a_flat_task_of_50_numbers() -> None:
    task = open_task("goalrelay/AntGather-v0")
    assert task.flat
    assert (task.spec.observation_size, task.spec.action_size, task.spec.horizon) == (50, 8, 500)
    first = task.reset(seed=3).observation
    assert first.shape == (50,)
    moment, *_ = task.step(np.zeros(8))
    assert moment.observation[-1] == pytest.approx(0.01)


def test_walls_keep_the_ant_in() -> None:
    env = make(ends_on_fall=False)
    pull = env.ant.data.xfrc_applied[env.ant.model.body("torso").id]
    pull[2] = 7.0
    for _ in range(200):
        pull[:2] = np.clip(4 * (1.5 - env.ant.motion[:2]), 0, 4)
        env.step(np.zeros(8))
    assert (env.ant.pose[:2] > 9).all()
    assert (env.ant.pose[:2] < 10.5).all()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="fall_cost is what a fall costs, at least 0, not -1"):
        make(fall_cost=-1)
    with pytest.raises(UsageError, match="'goal' is unknown; there are none"):
        make().reset(options={"goal": (0, 0)})


@pytest.mark.usefixtures("opengl")
def test_a_sub_goal_is_drawn_until_the_next_start() -> None:
    env = make(render_mode="rgb_array")
    pink = np.round(255 * np.array(scene.SUBGOAL[:3]))

    def shown() -> int:
        return int((np.abs(env.render().astype(float) - pink).max(axis=-1) < 40).sum())

    assert shown() == 0
    env.subgoal = (4.0, 5.0)
    assert shown() > 10
    env.reset(seed=0)
    assert shown() == 0
