"""What a task shows tells its stages, its columns and its distances; nothing declared is used."""

import functools
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import goalrelay
from conftest import SMALL
from goalrelay.cli.main import main
from goalrelay.errors import UsageError
from goalrelay.tasks import structure
from goalrelay.tasks.goal_task import open_task, with_structure
from goalrelay.tasks.inspect.found import Inspection, found_structure, inspect_task
from goalrelay.tasks.inspect.relations import relations
from goalrelay.tasks.inspect.report import module, report
from goalrelay.train import config
from goalrelay.types import Columns

PUSH, PICK, TWO = "goalrelay/FetchPush-v0", "FetchPickAndPlace-v4", "goalrelay/FetchDoublePush-v0"
HAND = Columns("observation", (0, 1, 2))


@functools.cache
def inspected(task_id: str) -> Inspection:
    opened = open_task(task_id)
    found = inspect_task(opened)
    opened.close()
    return found


def names(task_id: str) -> list[str]:
    return [stage.name for stage in inspected(task_id).structure.stages]


@pytest.mark.parametrize("task_id", [PUSH, PICK, "goalrelay/FetchSlide-v0"])
def test_a_hand_and_an_object_are_found(task_id: str) -> None:
    found = inspected(task_id)
    reach, task = found.structure.stages
    assert (reach.name, reach.achieved, task.name) == ("reach", HAND, "task")
    assert reach.desired == Columns("achieved_goal", (0, 1, 2))
    assert 0.035 < reach.switch < 0.07  # blocks of 5 cm, a puck of 5 cm
    assert reach.threshold == reach.switch
    assert task.switch == pytest.approx(0.05, rel=1e-3)
    assert found.reason == ""


def test_distances_are_measured_not_known() -> None:
    """The drawer's success distance is 2 cm, and its handle is thin."""
    reach, task = inspected("goalrelay/FetchDrawer-v0").structure.stages
    assert task.switch == pytest.approx(0.02, rel=1e-3)
    assert 0.02 < reach.switch < 0.045


def test_the_kinds_of_fetch_columns_are_found_and_give_its_mirrors() -> None:
    kinds = inspected(PICK).structure.column_kinds
    assert kinds is not None
    assert kinds.observation[:3] == (
        "position of hand",
        "position of object",
        "displacement of object from hand",
    )
    assert kinds.observation[4:8] == (
        "euler of object",
        "velocity of object",
        "angular velocity of object",
        "velocity of hand",
    )
    declared = open_task(PICK)
    described = with_structure(declared, inspected(PICK).structure)
    assert described.spec.position_columns == declared.spec.position_columns
    for found, written in zip(described.symmetries, declared.symmetries, strict=True):
        assert found.observation.sign == written.observation.sign
        assert found.goal.sign == written.goal.sign
        assert found.action == written.action
        assert found.goal.shift == pytest.approx(written.goal.shift, abs=0.15)
    declared.close()


def test_two_blocks_have_their_stages_and_exchange() -> None:
    assert names(TWO) == ["reach0", "move0", "reach1", "bring1", "task"]
    declared = open_task(TWO)
    described = with_structure(declared, inspected(TWO).structure)
    for found, written in zip(described.spec.stages, declared.spec.stages, strict=True):
        assert (found.achieved, found.desired) == (written.achieved, written.desired)
        assert found.maintained == written.maintained
        if written.object_permutation is None:
            assert found.object_permutation is None
        else:
            assert found.object_permutation is not None
            assert found.object_permutation[1:] == written.object_permutation[1:]
    declared.close()


def test_a_tower_is_built_from_below() -> None:
    stages = inspected("goalrelay/FetchStack-v0").structure.stages
    assert stages[0].desired == Columns("achieved_goal", (0, 1, 2))
    assert stages[-1].achieved == Columns("achieved_goal", (3, 4, 5))


@pytest.mark.parametrize(
    "task_id",
    [
        "FetchReach-v4",
        "goalrelay/PointReach-v0",
        "PointMaze_UMaze-v3",
        "AntMaze_UMaze-v5",
        "goalrelay/BitFlip-v0",
        "goalrelay/PointMaze-v0",
    ],
)
def test_where_nothing_has_to_be_reached_there_is_one_stage(task_id: str) -> None:
    assert names(task_id) == ["task"]
    assert inspected(task_id).reason
    assert module(task_id, inspected(task_id)) == ""


def test_a_fixture_has_no_mirror_and_a_place_in_the_world() -> None:
    found = inspected("goalrelay/FetchDrawer-v0")
    kinds = found.structure.column_kinds
    assert kinds is not None
    assert (kinds.symmetries, kinds.hide_positions) == ((), False)
    assert any("no mirror left-right" in doubt for doubt in found.doubts)


def test_what_is_found_is_the_same_each_time_and_uses_nothing_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = open_task(PUSH)
    monkeypatch.setattr(type(opened.env.unwrapped), "stages", ())
    monkeypatch.setattr(type(opened.env.unwrapped), "symmetries", ())
    bare = open_task(PUSH)
    assert bare.spec.stages == ()
    assert found_structure(bare) == inspected(PUSH).structure
    opened.close()
    bare.close()


@pytest.mark.parametrize("task_id", [PUSH, TWO])
def test_the_module_declares_what_was_found(task_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "_declared", {})
    exec(module(task_id, inspected(task_id)), {})
    (declared,) = structure._declared.values()
    opened = open_task(task_id)
    by_hand = with_structure(opened, declared)
    found = with_structure(opened, inspected(task_id).structure)
    assert by_hand.spec == found.spec
    assert by_hand.symmetries == found.symmetries
    opened.close()


class Knob(gymnasium.Env[Any, Any]):
    """A hand, and a knob somewhere that turns while the hand is within 0.3 of it.

    Observation: width of the gripper, the knob's orientation (w, x, y, z), its place, the hand.
    """

    def __init__(self) -> None:
        box = {"observation": 11, "achieved_goal": 4, "desired_goal": 4}
        self.observation_space = spaces.Dict(
            {name: spaces.Box(-np.inf, np.inf, (size,)) for name, size in box.items()}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (4,))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.hand, self.width, self.angle = np.array([0.0, 0.0, 1.0]), 0.0, 0.0
        self.knob = self.np_random.uniform((-1, -1, 0), (1, 1, 0.1))
        self.goal = self._turned(self.np_random.uniform(-3, 3))
        return self._observation(), {}

    def step(self, action: np.ndarray) -> Any:
        self.hand, self.width = self.hand + 0.2 * action[:3], 0.1 * action[3]
        if np.linalg.norm(self.hand - self.knob) < 0.3:
            self.angle += 0.3
        shown = self._observation()
        reward = float(self.compute_reward(shown["achieved_goal"], self.goal, {}))
        return shown, reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> np.ndarray:
        return -((achieved * desired).sum(-1) ** 2 < 0.95).astype(np.float32)

    def _turned(self, angle: float) -> np.ndarray:
        return np.array([np.cos(angle / 2), 0, 0, np.sin(angle / 2)])

    def _observation(self) -> dict[str, np.ndarray]:
        turned = self._turned(self.angle)
        shown = np.concatenate([[self.width], turned, self.knob, self.hand])
        return {"observation": shown, "achieved_goal": turned, "desired_goal": self.goal}


def test_an_object_whose_goal_is_an_orientation_is_reached_where_it_is() -> None:
    gymnasium.register("Knob-v0", cast(Any, Knob), max_episode_steps=40)
    try:
        found = inspected("Knob-v0")
    finally:
        del gymnasium.registry["Knob-v0"]
    reach, task = found.structure.stages
    assert reach.achieved == Columns("observation", (8, 9, 10))
    assert reach.desired == Columns("observation", (5, 6, 7))
    assert reach.switch == pytest.approx(0.3, rel=0.3)
    assert task.achieved == Columns("achieved_goal", (0, 1, 2, 3))
    assert found.structure.column_kinds is not None
    assert found.structure.column_kinds.observation == (
        "same",
        "quaternion wxyz of object",
        "position of object",
        "position of hand",
    )
    assert found.structure.column_kinds.goal == ("quaternion wxyz of object",)


def test_relations_are_exact_and_noise_is_none() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 2, (2, 50)).astype(np.float32)
    noise = 1e-6 * rng.normal(size=50)
    values = np.column_stack([a, b, a - b, -a, noise, np.ones(50)]).astype(np.float32).astype(float)
    found = {(r.column, r.first, r.second, r.factor) for r in relations(values)}
    assert (2, 0, 1, 1) in found
    assert (3, 0, None, -1) in found
    assert not {column for relation in found for column in relation[:3]} & {4, 5}


def test_the_command_prints_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", PUSH]) == 0
    out = capsys.readouterr().out
    for part in ("contract", "follow the seed", "position of object", "not sure", "Stage("):
        assert part in out
    assert main(["inspect", "goalrelay/PointReach-v0", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["module"] == ""
    assert {"name": "time limit", "fact": "25 steps"} in about["contract"]
    assert main(["inspect", "goalrelay/PointReach-v0"]) == 0
    assert "relay has nothing to relay here: use her" in capsys.readouterr().out


def test_a_report_says_where_its_figures_come_from() -> None:
    def facts(task_id: str) -> dict[str, str]:
        opened = open_task(task_id)
        about = report(opened, 100, 0)
        opened.close()
        parts = ("contract", "observation", "goal", "motion")
        return {line["name"]: line["fact"] for part in parts for line in about[part]}

    maze, two = facts("goalrelay/PointMaze-v0"), facts(TWO)
    assert maze["success"].startswith("the reward does not show the distance; ")
    assert maze["declared"].startswith("position columns 0, 1; a sub-goal range")
    assert two["success"] == "within 0.05, measured by the reward"
    assert two["0-2"].startswith("position of hand: the first position that follows the actions; ")
    assert two["5-7"].startswith("position of object0: equals achieved_goal 0-2 at every step; ")
    assert {"object0", "object1"} <= two.keys()


def test_the_page_leaves_code_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    pages = importlib.import_module("inspect_pages")
    printed = f"noise of an import\n{PICK}\n\nfacts\n\n{pages.PASTE}\n\nfirst\nsecond\n"
    made = pages.section(PICK, printed)
    assert made.endswith(
        "facts\n\n" + pages.PASTE + "\n\n[2 lines of code are left out here]\n```\n"
    )
    assert "noise" not in made
    whole = pages.section("FetchPush-v4", printed.replace(PICK, "FetchPush-v4"))
    assert whole.endswith("first\nsecond\n```\n")
    assert set(pages.WHOLE) <= set(pages.TASKS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect", "InvertedDoublePendulum-v5"], "has no goals; train it with the method flat"),
        (["inspect", PUSH, "--steps", "5"], "--steps must be at least 100"),
        (["inspect"], "TASK"),
    ],
)
def test_unusable_input_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_run_with_found_stages_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL, "method.stages": "auto"}
    run = goalrelay.train("relay", PUSH, episodes=4, out=tmp_path / "r", settings=settings)
    expected = inspected(PUSH).structure.stages
    stages = goalrelay.load(run.folder).spec.stages
    assert [s.name for s in stages] == ["reach", "task"]
    assert stages == with_structure(open_task(PUSH), inspected(PUSH).structure).spec.stages
    assert stages[0].switch == expected[0].switch
    assert goalrelay.evaluate(run.folder, episodes=2).diagnosis.keys() >= {"reached_reach"}

    def unexpected(*_: Any) -> None:
        raise AssertionError("a resumed run has found its stages already")

    monkeypatch.setattr(
        importlib.import_module("goalrelay.train.build"), "inspect_task", unexpected
    )
    resumed = goalrelay.resume(run.folder, steps=300)
    assert resumed.episodes == 6
    assert resumed.policy.spec == run.policy.spec


def test_found_stages_are_plain_hindsight_where_there_is_no_object() -> None:
    build = importlib.import_module("goalrelay.train.build").build
    experiment = config.make("relay", "goalrelay/PointReach-v0")
    with pytest.raises(UsageError, match=r"--method\.stages auto finds them"):
        build(experiment)
    parts = build(config.with_options(experiment, {"method.stages": "auto"}))
    assert [stage.name for stage in parts.method.task.spec.stages] == ["task"]
    assert parts.remark == (
        "no object to reach (the actions move the achieved goal directly): the only stage is the "
        "task itself, which is plain hindsight"
    )
    parts.collector.close()


def test_hindsight_alone_uses_what_is_found_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL, "method.structure": "auto"}
    build = importlib.import_module("goalrelay.train.build")
    parts = build.build(config.with_options(config.make("her", PUSH), settings))
    assert parts.remark == (
        "found structure: mirrors left-right, front-back; hidden positions in columns 0, 1, 3, 4"
    )
    assert len(parts.method.normalized) == 25 - 4 + 3
    parts.collector.close()
    run = goalrelay.train("her", PUSH, episodes=4, out=tmp_path / "r", settings=settings)
    found = with_structure(open_task(PUSH), inspected(PUSH).structure)
    policy = goalrelay.load(run.folder)
    assert policy.spec.position_columns == found.spec.position_columns == (0, 1, 3, 4)
    assert policy.method.task.symmetries == found.symmetries

    def unexpected(*_: Any) -> None:
        raise AssertionError("a resumed run has found its structure already")

    monkeypatch.setattr(build, "inspect_task", unexpected)
    resumed = goalrelay.resume(run.folder, steps=300)
    assert resumed.episodes == 6
    assert resumed.policy.spec == run.policy.spec


def test_hindsight_alone_uses_nothing_where_there_is_no_object(tmp_path: Path) -> None:
    build = importlib.import_module("goalrelay.train.build").build
    runs = []
    for chosen in ("auto", "none"):
        settings = {**SMALL, "method.structure": chosen}
        experiment = config.with_options(config.make("her", "goalrelay/PointReach-v0"), settings)
        parts = build(experiment)
        parts.collector.close()
        assert parts.remark == (
            "no object to reach (the actions move the achieved goal directly): no structure is used"
            if chosen == "auto"
            else ""
        )
        options: dict[str, Any] = {"episodes": 4, "settings": settings}
        run = goalrelay.train("her", "goalrelay/PointReach-v0", out=tmp_path / chosen, **options)
        runs.append((run.folder / "progress.csv").read_text())
    assert runs[0] == runs[1]


def test_panda_gym_is_found_too() -> None:
    pytest.importorskip("panda_gym")
    code = (
        "from goalrelay.tasks.goal_task import open_task\n"
        "from goalrelay.tasks.inspect.found import inspect_task\n"
        "for name in ('Reach', 'Push', 'Stack'):\n"
        "    found = inspect_task(open_task(f'panda_gym:Panda{name}-v3'))\n"
        "    print('FOUND', *(s.name for s in found.structure.stages))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    assert lines == [
        "FOUND task",
        "FOUND reach task",
        "FOUND reach0 move0 reach1 bring1 task",
    ]
