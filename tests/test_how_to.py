"""The how-to for somebody else's task works as it is written; needs the extra `bench`."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import goalrelay
from conftest import SMALL
from goalrelay.tasks import structure
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Difference

ROOT = Path(__file__).parent.parent
HAND, BLOCK = goalrelay.columns("observation", 0, 3), goalrelay.columns("achieved_goal", 0, 3)


@pytest.fixture
def my_stages(user_module: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's module, imported, with nothing declared before or after."""
    pytest.importorskip("panda_gym")
    monkeypatch.setattr(structure, "_declared", {})
    (block,) = re.findall(r"```python\n(import panda_gym.*?)```", page("relay"), re.DOTALL)
    (user_module / "my_stages.py").write_text(block)
    yield importlib.import_module("my_stages")
    sys.modules.pop("my_stages", None)


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def test_the_declared_push_is_trained_by_the_command_of_the_page(
    my_stages: Any, tmp_path: Path
) -> None:
    assert "goalrelay train relay my_stages:PandaPush-v3" in page("relay")
    task = "my_stages:PandaPush-v3"
    run = goalrelay.train("relay", task, episodes=6, out=tmp_path / "r", settings=SMALL)
    policy = goalrelay.load(run.folder)
    assert policy.spec.differences == (Difference(HAND, BLOCK),)
    opened = open_task(task)
    observation, _ = opened.env.reset(seed=0)
    assert opened.env.action_space.contains(policy(observation))
    opened.close()


def test_the_benchmark_declares_the_same_push(
    my_stages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_page = dict(structure._declared)
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    importlib.reload(importlib.import_module("panda_stages"))
    assert structure._declared["PandaPush-v3"] == of_page["PandaPush-v3"]
