"""Demonstrations on disk: nothing is lost, Minari opens them, and damage is said in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import minari
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minari.serialization import serialize_space

from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import KEYS, Demonstration, read, write
from goalrelay.demos.load import fitted, load, succeeded
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import open_task

TASK = "goalrelay/PointReach-v0"


@pytest.fixture(scope="module")
def task() -> Simulator:
    return open_task(TASK)


def episode(task: Simulator, length: int, seed: int, terminated: bool = False) -> Demonstration:
    """Random numbers that no 32-bit float holds."""
    rng, spec = np.random.default_rng(seed), task.spec
    sizes = (spec.observation_size, spec.achieved_size, spec.goal_size)
    return Demonstration(
        *(rng.standard_normal((length + 1, size)) for size in sizes),
        action=rng.uniform(-1, 1, (length, spec.action_size)).astype(np.float32),
        reward=-rng.integers(2, size=length).astype(float),
        terminated=terminated,
        success=rng.integers(2, size=length).astype(float),
        seed=seed,
    )


@settings(max_examples=5, deadline=None)
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4), terminated=st.booleans())
def test_a_round_trip_keeps_every_value(
    task: Simulator, tmp_path_factory: pytest.TempPathFactory, lengths: list[int], terminated: bool
) -> None:
    folder = tmp_path_factory.mktemp("round") / "trip"
    written = [episode(task, length, i, terminated) for i, length in enumerate(lengths)]
    write(folder, written, task, "a test")
    found = read(folder)
    assert (found.task, found.about) == (TASK, "a test")
    assert len(found.demonstrations) == len(written)
    for got, want in zip(found.demonstrations, written, strict=True):
        for name, value in want._asdict().items():
            np.testing.assert_array_equal(getattr(got, name), value, err_msg=name)
            if isinstance(value, np.ndarray):
                assert getattr(got, name).dtype == value.dtype


def test_minari_opens_what_we_write(task: Simulator, tmp_path: Path) -> None:
    written = episode(task, 5, 0)
    write(tmp_path / "point", [written, episode(task, 4, 1)], task, "a test")
    dataset = minari.MinariDataset(tmp_path / "point" / "data")
    assert dataset.total_episodes == 2
    assert dataset.total_steps == 9
    assert dataset.spec.dataset_id == "point-v0"
    first = next(iter(dataset.iterate_episodes()))
    np.testing.assert_array_equal(first.observations["achieved_goal"], written.achieved_goal)
    np.testing.assert_array_equal(first.actions, written.action)
    assert first.truncations[-1]


def test_facts_are_those_of_the_task_in_its_units(task: Simulator, tmp_path: Path) -> None:
    written = episode(task, 5, 0, terminated=True)
    write(tmp_path / "d", [written], task, "a test")
    (facts,) = load(str(tmp_path / "d"), task)
    np.testing.assert_array_equal(facts.observation, written.observation.astype(np.float32))
    np.testing.assert_allclose(
        task.interface.actions.native(facts.action[2]), written.action[2], rtol=1e-6
    )
    assert facts.terminal
    assert facts.success == written.success[-1]
    assert facts.total_reward == written.reward.sum()


def test_success_is_the_reward_where_nobody_said(task: Simulator) -> None:
    silent = episode(task, 3, 0)._replace(success=np.full(3, np.nan))
    for last in (-1.0, 0.0):
        reward = np.array([0.0, -1.0, last])
        assert succeeded(silent._replace(reward=reward), task) == (last == 0)


def test_only_the_first_are_taken(task: Simulator, tmp_path: Path) -> None:
    write(tmp_path / "d", [episode(task, 2, i) for i in range(4)], task, "a test")
    assert len(load(str(tmp_path / "d"), task, most=3)) == 3


def test_a_folder_that_exists_is_left_alone(task: Simulator, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write(tmp_path / "d", [episode(task, 2, 0)], task, "a test")
    assert (tmp_path / "d" / "thesis.txt").read_text() == "mine"


def test_a_folder_can_be_written_again_where_that_is_asked_for(
    task: Simulator, tmp_path: Path
) -> None:
    one, other = episode(task, 2, 0), episode(task, 3, 1)
    write(tmp_path / "d", [one], task, "a test", instead=True)
    write(tmp_path / "d", [one, other], task, "a test", instead=True)
    assert [d.length for d in read(tmp_path / "d").demonstrations] == [2, 3]
    no_numbers: Any = object()
    with pytest.raises(TypeError):
        write(tmp_path / "d", [one._replace(reward=no_numbers)], task, "a test", instead=True)
    assert [d.length for d in read(tmp_path / "d").demonstrations] == [2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_nothing_is_left_when_writing_fails(task: Simulator, tmp_path: Path) -> None:
    no_numbers: Any = object()
    bad = episode(task, 2, 0)._replace(reward=no_numbers)
    with pytest.raises(TypeError):
        write(tmp_path / "d", [bad], task, "a test")
    assert list(tmp_path.iterdir()) == []


def cut(data: Path) -> None:
    whole = (data / "main_data.hdf5").read_bytes()
    (data / "main_data.hdf5").write_bytes(whole[: len(whole) // 2])


def garble(data: Path) -> None:
    (data / "metadata.json").write_text("{")


def lose(data: Path) -> None:
    (data / "main_data.hdf5").unlink()


def forget_goals(data: Path) -> None:
    facts = json.loads((data / "metadata.json").read_text())
    box = gymnasium.spaces.Box(-1, 1, (3,), np.float64)
    facts["observation_space"] = serialize_space(box)
    (data / "metadata.json").write_text(json.dumps(facts))
    with h5py.File(data / "main_data.hdf5", "a") as file:
        for name in file:
            group: Any = file[name]
            del group["observations"]
            group.create_dataset("observations", data=np.zeros((3, 3)))


def forget_spaces(data: Path) -> None:
    """Minari would make the environment that the dataset names, and so run its code."""
    facts = json.loads((data / "metadata.json").read_text())
    del facts["observation_space"]
    (data / "metadata.json").write_text(json.dumps(facts))


def empty(data: Path) -> None:
    facts = json.loads((data / "metadata.json").read_text())
    facts |= {"total_episodes": 0, "total_steps": 0}
    (data / "metadata.json").write_text(json.dumps(facts))


def shorten(data: Path) -> None:
    with h5py.File(data / "main_data.hdf5", "a") as file:
        seen: Any = file["episode_0/observations"]
        del seen[KEYS[1]]
        seen.create_dataset(KEYS[1], data=np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "cannot read"),
        (garble, "cannot read"),
        (lose, "cannot read"),
        (forget_goals, "no goals"),
        (forget_spaces, "does not say"),
        (empty, "empty"),
        (shorten, "damaged"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_damage_is_said_in_one_line(
    task: Simulator, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    write(tmp_path / "d", [episode(task, 2, i) for i in range(3)], task, "a test")
    damage(tmp_path / "d" / "data")
    with pytest.raises(UsageError, match=said) as refusal:
        read(tmp_path / "d")
    assert "\n" not in str(refusal.value)
    assert str(tmp_path / "d") in str(refusal.value)


def test_no_dataset_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no Minari dataset"):
        read(tmp_path)


def test_demonstrations_of_another_task_are_refused(task: Simulator) -> None:
    one = episode(task, 2, 0)
    wide = one._replace(observation=np.zeros((3, 40)))
    with pytest.raises(UsageError, match=r"does not fit task 'goalrelay/PointReach-v0'"):
        fitted("there", wide, task)
    lost = one._replace(observation=one.observation * np.inf)
    with pytest.raises(UsageError, match="not finite"):
        fitted("there", lost, task)
    for name in ("observation", "achieved_goal", "desired_goal", "action", "reward"):
        huge = one._replace(**{name: np.full_like(getattr(one, name), -1e16)})
        with pytest.raises(UsageError, match=rf"there has .* above 1e\+15: {name}.* at step 0"):
            fitted("there", huge, task)
