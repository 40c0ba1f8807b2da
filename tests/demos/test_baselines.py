"""Files of OpenAI Baselines are read when they are trusted, and only then."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goalrelay.cli import main as cli
from goalrelay.demos import baselines
from goalrelay.demos.dataset import read
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import open_task

TASK = "goalrelay/PointReach-v0"


def listed(count: int) -> dict[str, list[Any]]:
    """Episodes of 3, 4, ... steps as Baselines' data generation script lays them out."""
    spec, rng = open_task(TASK).spec, np.random.default_rng(0)
    sizes = {
        "observation": spec.observation_size,
        "achieved_goal": spec.achieved_size,
        "desired_goal": spec.goal_size,
    }
    obs, acs, info = [], [], []
    for steps in range(3, 3 + count):
        moments = [{k: rng.standard_normal(n) for k, n in sizes.items()} for _ in range(steps + 1)]
        obs.append(moments)
        acs.append([list(rng.uniform(-1, 1, spec.action_size)) for _ in range(steps)])
        info.append([{"is_success": float(t == steps - 1)} for t in range(steps)])
    return {"obs": obs, "acs": acs, "info": info}


def save(path: Path, parts: dict[str, list[Any]]) -> Path:
    def objects(episodes: list[Any]) -> np.ndarray:
        array = np.empty(len(episodes), object)
        array[:] = episodes
        return array

    arrays: Any = {name: objects(value) for name, value in parts.items()}
    np.savez_compressed(path, **arrays)
    return path


def test_every_value_is_kept(tmp_path: Path) -> None:
    parts = listed(2)
    found = baselines.read(save(tmp_path / "data.npz", parts), trusted=True)
    assert [one.length for one in found] == [3, 4]
    for one, moments, actions in zip(found, parts["obs"], parts["acs"], strict=True):
        np.testing.assert_array_equal(one.achieved_goal, [m["achieved_goal"] for m in moments])
        np.testing.assert_array_equal(one.action, actions)
        np.testing.assert_array_equal(one.reward, [-1.0] * (one.length - 1) + [0.0])


def test_the_command_makes_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = save(tmp_path / "data.npz", listed(2)), tmp_path / "d"
    words = ["demos", "import", str(file), "--out", str(out), "--task", TASK]
    assert cli.main(words) == 2
    assert "--trusted" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main([*words, "--trusted"]) == 0
    assert "success: 2 of 2" in capsys.readouterr().out
    assert len(read(out).demonstrations) == 2
    again = tmp_path / "again"
    assert cli.main(["demos", "import", str(out), "--out", str(again)]) == 0
    first, second = read(out).demonstrations[0], read(again).demonstrations[0]
    np.testing.assert_array_equal(first.observation, second.observation)


def test_what_is_not_trusted_is_not_even_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path(tmp_path / "went-off").touch, ())

    file = save(tmp_path / "data.npz", {"obs": [Bomb()], "acs": [0], "info": [0]})
    with pytest.raises(UsageError, match="--trusted"):
        baselines.read(file, trusted=False)
    assert not (tmp_path / "went-off").exists()


def test_damage_is_said_in_one_line(tmp_path: Path) -> None:
    whole = listed(1)
    broken = {
        "no 'acs'": {k: v for k, v in whole.items() if k != "acs"},
        "holds no episode": {k: [] for k in whole},
        "its info has no 'is_success'": {**whole, "info": [[{} for _ in whole["info"][0]]]},
        "cannot read": {**whole, "obs": [whole["obs"][0][:-1]]},
    }
    for said, parts in broken.items():
        with pytest.raises(UsageError, match=said):
            baselines.read(save(tmp_path / "data.npz", parts), trusted=True)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(UsageError, match="cannot read"):
        baselines.read(tmp_path / "text.npz", trusted=True)
    with pytest.raises(UsageError, match="no such file"):
        baselines.read(tmp_path / "missing.npz", trusted=True)
