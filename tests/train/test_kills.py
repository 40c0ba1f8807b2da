"""Runs that are killed at random moments, and resumed, end as unbroken ones: curve and policy."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from conftest import SMALL
from corridor_task import CORRIDOR
from relay_task import CARRY

TESTS = Path(__file__).parent.parent
RUNS: dict[str, tuple[str, str, int]] = {
    "her": ("her", "goalrelay/PointReach-v0", 25),
    "relay": ("relay", CARRY, 12),
    "hierarchy": ("hierarchy", CORRIDOR, 50),
}
"""Method, task, and steps of an episode."""
EPISODES, KILLS = 60, 34
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import goalrelay
from pathlib import Path
method, task, steps, out = sys.argv[2:]
settings = {settings!r}
if Path(out, "config.json").exists():
    goalrelay.resume(out, trust=True)
else:
    goalrelay.train(method, task, steps=int(steps), out=out, settings=settings)
"""


def child(name: str, out: Path) -> subprocess.Popen[bytes]:
    """A process that begins the run in this folder, or goes on with it."""
    method, task, length = RUNS[name]
    settings: dict[str, Any] = SMALL | {"save.every": 0}
    if method == "hierarchy":
        settings |= {"method.exploration.random_steps": 200, "collect.updates_per": "step"}
        settings |= {"collect.updates": 1}
    words = [str(TESTS), method, task, str(EPISODES * length), str(out)]
    return subprocess.Popen([sys.executable, "-c", CHILD.format(settings=settings), *words])


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_killed_again_and_again_ends_as_an_unbroken_one(
    name: str, tmp_path: Path
) -> None:
    assert child(name, tmp_path / "whole").wait() == 0
    moments, kills, done = random.Random(name), 0, False
    while kills < KILLS and not done:
        before = newest(tmp_path / "killed")
        process = child(name, tmp_path / "killed")
        while newest(tmp_path / "killed") == before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        done = process.wait() == 0
        kills += not done
    print(f"{name}: killed {kills} times")
    assert kills >= 3
    assert child(name, tmp_path / "killed").wait() == 0
    tables = [(tmp_path / run / "progress.csv").read_text() for run in ("whole", "killed")]
    assert tables[0] == tables[1]
    for policy in ("policy", "policy-last"):
        whole, killed = (
            load_file(tmp_path / run / f"{policy}.safetensors") for run in ("whole", "killed")
        )
        assert whole.keys() == killed.keys()
        assert all((whole[key] == killed[key]).all() for key in whole)
    left = [file.name for file in (tmp_path / "killed").rglob(".*")]
    assert not left and not (tmp_path / "killed" / "lock").exists()


def newest(run: Path) -> set[str]:
    """The checkpoints and the files of a run that tell how far it is."""
    return {file.name for file in (run / "checkpoint").glob("*.safetensors")}
