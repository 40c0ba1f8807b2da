"""Goal tasks as strangers write them work, or are refused in one line; what is odd is said once."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import stranger_tasks as strangers
from goalrelay.data.rollout import Simulator, rollout
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import open_task


def opened(kind: Callable[..., Any], **registration: Any) -> Simulator:
    """A task of this kind, registered for the moment only."""
    given: dict[str, Any] = {"max_episode_steps": 6} | registration
    gymnasium.register("Own-v0", kind, **given)
    try:
        return open_task("Own-v0")
    finally:
        gymnasium.registry.pop("Own-v0")


def with_actions(space: spaces.Space[Any]) -> type[strangers.Line]:
    """The line with these actions; it asserts that it is given members of the space."""

    class Other(strangers.Line):
        action_space = space

        def move(self, action: Any) -> float:
            assert space.contains(action), f"{action!r} of {action.dtype} is not in {space}"
            return 0.1

    return Other


def with_goals(space: spaces.Space[Any], goal: Callable[[Any], Any]) -> type[strangers.Line]:
    """The line with goals in this space."""

    class Other(strangers.Line):
        def __init__(self, render_mode: str | None = None):
            one: dict[str, Any] = {"observation": strangers.BOX}
            self.observation_space = spaces.Dict(
                one | {"achieved_goal": space, "desired_goal": space}
            )

        def look(self) -> Any:
            seen = super().look()
            return seen | {key: goal(seen[key]) for key in strangers.KEYS[1:]}

        def step(self, action: Any) -> Any:
            self.place = (self.place + self.move(action)).clip(-1, 1).astype("f")
            seen = self.look()
            goals = seen["achieved_goal"], seen["desired_goal"]
            return seen, self.compute_reward(*goals, {}), False, False, {}

        def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
            assert np.asarray(achieved).dtype == space.dtype or space.dtype == np.float64
            assert np.shape(achieved)[-len(space.shape or ()) or 99 :] == space.shape
            axes = tuple(range(-len(space.shape or ()), 0))
            return -np.abs(np.subtract(achieved, desired, dtype=float)).sum(axis=axes)

    return Other


def episode_of(task: Simulator) -> Any:
    return rollout(task, lambda rng: lambda _: task.random(rng), seed=3)


@pytest.mark.parametrize("name", ["Single", "WrongAxis"])
def test_a_reward_of_single_goals_is_called_for_each_and_that_is_said(name: str) -> None:
    plain, single = (open_task(f"stranger_tasks:{n}-v0") for n in ("Line", name))
    achieved, desired = np.random.default_rng(0).normal(size=(2, 9, 1)).astype("f")
    rewards = single.reward(achieved, desired)
    np.testing.assert_allclose(rewards, plain.reward(achieved, desired), rtol=1e-6)
    assert rewards.dtype == np.float32
    assert "compute_reward takes single goals" in single.notes[0]
    assert not plain.notes


def test_an_end_for_single_goals_is_asked_for_each() -> None:
    task = open_task("stranger_tasks:Single-v0")
    goals = np.array([[-1.0], [1.0]], "f")
    np.testing.assert_array_equal(task.terminal(goals, goals, np.ones(2, bool)), [False, True])


def test_an_end_that_never_comes_is_not_asked_for() -> None:
    class Endless(strangers.Line):
        def compute_terminated(self, achieved: Any, desired: Any, info: Any) -> bool:
            return False

    task = opened(Endless)
    assert task.calls.terminated is None
    assert not task.notes


def test_numbers_in_arrays_of_one_are_numbers() -> None:
    plain, column = (open_task(f"stranger_tasks:{n}-v0") for n in ("Line", "Column"))
    goals = np.random.default_rng(0).normal(size=(2, 9, 1)).astype("f")
    np.testing.assert_array_equal(column.reward(*goals), plain.reward(*goals))
    ours, expected = episode_of(column), episode_of(plain)
    assert (ours.success, ours.total_reward) == (expected.success, expected.total_reward)


@pytest.mark.parametrize("kind", [bool, np.int8])
def test_rewards_of_any_type_of_number_are_rewards(kind: Any) -> None:
    class Typed(strangers.Line):
        def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
            return (np.linalg.norm(achieved - desired, axis=-1) < 0.5).astype(kind)

    task = opened(Typed)
    goals = np.array([[0.0], [3.0]], "f")
    np.testing.assert_array_equal(task.reward(goals, 0 * goals), np.array([1, 0], np.float32))


def test_the_reward_of_a_wrapper_is_found() -> None:
    task = opened(lambda **given: strangers.Doubled(strangers.Line(**given)))
    assert task.reward(np.array([[3.0]]), np.array([[1.0]])) == [-4]


def test_a_reward_that_looks_at_the_simulator_is_refused() -> None:
    with pytest.raises(UsageError, match=r"step returned rewards .* the two to agree"):
        open_task("stranger_tasks:Stationary-v0")


def test_nested_observations_are_laid_out_in_the_order_of_the_space_and_others_ignored() -> None:
    task = open_task("stranger_tasks:Nested-v0")
    seen = task.reset(0)
    np.testing.assert_array_equal(seen.observation, [5, 6, *seen.achieved])
    assert task.notes == (
        "ignored parts of the observation: camera",
        "numbers are laid out as observation: speed 2, arm.joint 1",
    )


def test_categories_are_one_hot_and_the_task_gets_their_numbers() -> None:
    task = open_task("stranger_tasks:Places-v0")
    assert task.spec[:5] == (9, 9, 9, 6, True)
    episode = episode_of(task)
    np.testing.assert_array_equal(episode.achieved.sum(axis=1), 1)
    places = np.eye(9, dtype="f")
    np.testing.assert_array_equal(task.reward(places, places[::-1]), (np.arange(9) == 4) - 1.0)
    assert any("6 combinations" in note for note in task.notes)
    actions = task.interface.actions
    native = [actions.native(np.asarray(number)) for number in range(6)]
    assert sorted(map(tuple, native)) == [(a, b) for a in range(3) for b in range(2)]
    np.testing.assert_array_equal(actions.normalized(np.array(native)), range(6))
    assert actions.normalized(np.array([3, 0])) == -1


@pytest.mark.parametrize(
    ("space", "goal"),
    [
        (spaces.Box(-9, 9, (), np.float32), lambda x: x[0]),
        (spaces.Box(-9, 9, (), np.float32), lambda x: x),
        (spaces.Box(-9, 9, (1,), np.float64), lambda x: [float(x[0])]),
        (spaces.Box(-9, 9, (2, 3), np.float32), lambda x: np.resize(x, (2, 3))),
        (spaces.Box(-9, 9, (3,), np.int8), lambda x: np.resize(np.rint(5 * x), 3).astype(np.int8)),
        (spaces.MultiBinary(4), lambda x: np.resize(x > 0, 4).astype(np.int8)),
        (spaces.MultiDiscrete([3, 5]), lambda x: np.resize(1 + np.rint(x), 2).astype(int)),
    ],
)
def test_goals_of_other_spaces_reach_the_task_as_it_has_them(space: Any, goal: Any) -> None:
    task = opened(with_goals(space, goal))
    assert task.calls.reward == "batch"
    episode = episode_of(task)
    again = task.reward(episode.achieved[1:], episode.desired[1:])
    assert again.sum() == pytest.approx(episode.total_reward, rel=1e-4)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (2,), np.uint8),
        spaces.Box(-3, 12, (2,), np.int64),
        spaces.Box(np.array([0, -np.pi / 4]), np.array([0.1, np.pi / 4]), dtype=np.float64),
        spaces.Box(np.array([0, -np.pi / 4], "f"), np.array([5, np.pi / 4], "f")),
        spaces.Box(-1, 1, (2, 2), np.float32),
        spaces.MultiBinary(3),
        spaces.MultiDiscrete([2, 4]),
    ],
)
def test_actions_are_members_of_the_action_space(space: Any) -> None:
    task = opened(with_actions(space))
    size = task.spec.action_size
    ends = [np.full(size, end, "f") for end in (-1, 1)]
    decisions = list(range(size)) if task.spec.discrete else [*ends, np.zeros(size, "f")]
    for decision in decisions:
        task.reset(0)
        task.step(np.asarray(decision))
        native = task.interface.actions.native(np.asarray(decision))
        again = task.interface.actions.normalized(native)
        np.testing.assert_allclose(again, decision, atol=0.1)


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        (spaces.Box(-np.inf, np.inf, (2,)), "unbounded"),
        (spaces.Box(-3e38, 3e38, (2,)), "give the Box a bounded range"),
        (spaces.Box(-1e300, 1e300, (2,), np.float64), "give the Box a bounded range"),
        (spaces.MultiDiscrete([20, 20, 20]), "8,000 combinations; at most 1,000 fit"),
        (spaces.Text(3), "Box, Discrete, MultiDiscrete and MultiBinary fit"),
        (spaces.Discrete(10**9), "has 1,000,000,000 discrete actions; at most 1,000,000 fit"),
    ],
)
def test_actions_that_cannot_be_learned_are_refused(space: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        opened(with_actions(space))


NUMBERED: Any = {1: strangers.BOX}


@pytest.mark.parametrize(
    "space",
    [
        spaces.Tuple([strangers.BOX, strangers.BOX]),
        spaces.Discrete(5000),
        spaces.Text(3),
        spaces.Dict(),
        spaces.Dict(NUMBERED),
    ],
)
def test_observations_that_cannot_be_laid_out_are_refused(space: Any) -> None:
    class Odd(strangers.Line):
        def __init__(self, render_mode: str | None = None):
            one: dict[str, Any] = dict.fromkeys(strangers.KEYS, strangers.BOX)
            self.observation_space = spaces.Dict(one | {"observation": space})

    with pytest.raises(UsageError, match=r"observation\['observation'\]"):
        opened(Odd)


class OldStep(strangers.Line):
    def step(self, action: Any) -> Any:
        seen, reward, *_, info = super().step(action)
        return seen, reward, False, info


class OldReset(strangers.Line):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=seed)[0]


def _reset_without_seed(self: Any) -> Any:
    return strangers.Line.reset(self)


class Seedless(strangers.Line):
    reset: Any = _reset_without_seed


@pytest.mark.parametrize("kind", [OldStep, OldReset, Seedless])
def test_interfaces_of_earlier_versions_are_refused_with_what_is_needed(kind: Any) -> None:
    with pytest.raises(UsageError, match=r"step\(action\) \(observation, reward, terminated"):
        opened(kind)


def test_a_reset_that_does_not_depend_on_its_seed_is_said() -> None:
    (note,) = open_task("stranger_tasks:Unseeded-v0").notes
    assert "two resets with one seed differ" in note


def test_a_time_limit_can_be_given() -> None:
    with pytest.raises(UsageError, match="--task-options max_episode_steps=N"):
        opened(strangers.Line, max_episode_steps=None)
    assert open_task("stranger_tasks:Line-v0", ["max_episode_steps=4"]).spec.horizon == 4
    for wrong in ("0", "-1", "many", "1.5"):
        with pytest.raises(UsageError, match="max_episode_steps must be 1 or more"):
            open_task("stranger_tasks:Line-v0", [f"max_episode_steps={wrong}"])


def test_numbers_in_another_order_than_in_the_space_are_refused() -> None:
    grid: Any = spaces.Box(-9, 9, (2, 3), np.float32)

    def of(shape: tuple[int, ...]) -> type[strangers.Line]:
        class Grid(strangers.Line):
            def __init__(self, render_mode: str | None = None):
                one: dict[str, Any] = dict.fromkeys(strangers.KEYS, strangers.BOX)
                self.observation_space = spaces.Dict(one | {"observation": grid})

            def look(self) -> Any:
                return super().look() | {"observation": np.zeros(shape, "f")}

        return Grid

    for shape in ((2, 3), (6,)):
        assert opened(of(shape)).reset(0).observation.shape == (6,)
    for shape in ((3, 2), (1, 6), (1, 2, 3)):
        with pytest.raises(UsageError, match=r"its space has \(2, 3\)"):
            opened(of(shape))


def test_sizes_that_change_within_an_episode_are_one_line() -> None:
    class Growing(strangers.Line):
        def step(self, action: Any) -> Any:
            seen, *rest = super().step(action)
            self.steps = getattr(self, "steps", 0) + 1
            return (seen | {"observation": np.zeros(1 + self.steps // 16)}, *rest)

    with pytest.raises(RuntimeError, match=r"\['observation'\] has shape \(2,\), its space has"):
        episode_of(opened(Growing))


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("stranger_tasks:Lime-v0", "'stranger_tasks:Line-v0'"),
        ("stranger_tasks:Spaced-v0", "'stranger_tasks:lab/Spaced-v0'"),
        ("stranger_tasks:lab/Spced-v0", "'stranger_tasks:lab/Spaced-v0'"),
        ("goalrelay/PointReech-v0", "'goalrelay/PointReach-v0'"),
    ],
)
def test_a_suggestion_can_be_typed_as_it_is(asked: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}"):
        open_task(asked)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def broken(:", r"SyntaxError: .*ill.py, line 1"),
        ("\nraise OSError('no licence')", r"OSError: no licence \(.*ill.py, line 2\)"),
        ("import sys; sys.exit('usage: ...')", "SystemExit: usage"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(
    text: str, complaint: str, user_module: Any
) -> None:
    (user_module / "ill.py").write_text(text)
    with pytest.raises(UsageError, match=f"importing 'ill' fails with {complaint}"):
        open_task("ill:Task-v0")


@pytest.mark.parametrize("name", ["Slippery", "SlipperyList", "SlipperySingle"])
def test_info_that_rewards_need_is_kept_with_each_step(name: str) -> None:
    task = open_task(f"stranger_tasks:{name}-v0")
    assert "rewards need slip, slipped of info" in task.notes[0]
    episode = episode_of(task)
    np.testing.assert_array_equal(episode.achieved[:, 1], [0, 1, 2, 0, 1, 2, 0])
    again = task.reward(episode.achieved[1:], episode.desired[1:])
    assert again.sum() == pytest.approx(episode.total_reward, rel=1e-5)
    gaps = np.abs(episode.achieved[1:, :1] - episode.desired[1:])[:, 0]
    np.testing.assert_allclose(again, -gaps - [1, 2, 0, 1, 2, 0], rtol=1e-5)
    # of a goal alone, whatever is asked: as if nothing had happened
    np.testing.assert_allclose(task.reward(episode.desired, episode.desired), 0, atol=1e-6)


@pytest.mark.parametrize("part", ["reset", "symmetries"])
def test_an_environment_that_fails_late_in_the_checks_is_one_line(part: str) -> None:
    class Late(strangers.Line):
        resets = 0

        def reset(self, **given: Any) -> Any:
            self.resets += 1
            if part == "reset" and self.resets > 6:
                raise RuntimeError("no more")
            return super().reset(**given)

        @property
        def symmetries(self) -> Any:
            if part == "symmetries":
                raise RuntimeError("no more")
            return ()

    with pytest.raises(UsageError, match=r"Own-v0.*no more"):
        opened(Late)
