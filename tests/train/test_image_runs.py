"""Runs from images: resumed exactly, exported with their encoder, refused where nothing fits."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import goalrelay
from conftest import SMALL
from goalrelay.cli import main
from goalrelay.demos.dataset import Demonstration
from goalrelay.demos.load import fitted
from goalrelay.errors import Notice, UsageError
from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.fit import chosen_symmetries
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.policy import open_fitting

TASK = "goalrelay/PointReachImage-v0"
SETTINGS: dict[str, Any] = SMALL | {"learner.batch_size": 8, "collect.updates": 4}


def run(out: Path, episodes: int, **more: Any) -> goalrelay.Result:
    return goalrelay.train(
        "her", TASK, preset="images", steps=25 * episodes, out=out, settings=SETTINGS, **more
    )


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    run(tmp_path / "one", 8)
    run(tmp_path / "two", 4)
    goalrelay.resume(tmp_path / "two", steps=25 * 8)
    one, two = (goalrelay.load(tmp_path / name / "policy-last.json") for name in ("one", "two"))
    assert one.actors[0].kernels
    for a, b in zip(one.actors[0], two.actors[0], strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_policy_acts_on_what_the_environment_shows(tmp_path: Path) -> None:
    policy = goalrelay.load(run(tmp_path / "r", 4).folder)
    env = gymnasium.make(TASK)
    seen, _ = env.reset(seed=0)
    action = policy(seen)
    assert env.action_space.contains(action)
    white = {**seen, "observation": np.full_like(seen["observation"], 255)}
    assert not np.array_equal(policy(white), action), "it looks at the image"
    moved = {**seen, "achieved_goal": seen["achieved_goal"] + 0.5}
    np.testing.assert_array_equal(policy(moved), action)  # the preset shows it goals alone


def test_the_preset_for_images_says_so_where_there_are_none(tmp_path: Path) -> None:
    said = r"^--preset images is for observations that are images; task '.*PointReach-v0' has none$"
    with pytest.warns(Notice, match=said):
        goalrelay.train(
            "her",
            "goalrelay/PointReach-v0",
            preset="images",
            episodes=2,
            out=tmp_path / "r",
            settings=SETTINGS,
        )


def test_images_of_another_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    policy = goalrelay.load(run(tmp_path / "r", 4).folder)
    spec = policy.spec._replace(image=(48, 32, 3))
    task = policy.method.task._replace(spec=spec)
    policy.method.task = task
    with pytest.raises(UsageError, match=r"images of 48 x 32 x 3; task .* images of 32 x 32 x 3"):
        open_fitting(policy)


def test_a_damaged_encoder_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path / "r", 4).folder
    about = folder / "policy.json"
    text = about.read_text()
    assert '"image": [' in text
    about.write_text(text.replace('"image": [\n      32', '"image": [\n      48'))
    assert about.read_text() != text
    with pytest.raises(UsageError):
        goalrelay.load(folder)


def test_demonstrations_of_images_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, nothing = open_task(TASK), np.zeros(1)
    one = Demonstration(nothing, nothing, nothing, nothing, nothing, False, nothing)
    with pytest.raises(UsageError, match="images"):
        fitted("episode 0", one, task)
    words = ["demos", "generate", TASK, "--out", str(tmp_path / "d")]
    assert main.main(words) == 2
    assert "images" in capsys.readouterr().err


def test_a_mirror_named_for_images_is_refused() -> None:
    task = open_task("FetchReach-v4").task
    assert len(chosen_symmetries(Config(), task)) > 0
    seen = task._replace(spec=task.spec._replace(image=(32, 32, 3)))
    assert not chosen_symmetries(Config(), seen)
    named = Config(symmetry_augmentation=(task.symmetries[0].name,))
    with pytest.raises(UsageError, match="none is used with images"):
        chosen_symmetries(named, seen)


def test_a_hierarchy_over_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="images"):
        goalrelay.train("hierarchy", TASK, episodes=2, out=tmp_path / "r", settings=SMALL)
