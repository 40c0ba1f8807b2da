"""Shared by all tests: small runs, in a temporary folder, with a compilation cache of their own."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import browser
import goalrelay
from goalrelay.errors import UsageError
from goalrelay.tasks.opengl import choose_backend
from goalrelay.train.session import Result

# One compilation serves all tests; users' caches are left alone.
SMALL = {
    "learner.hidden": (32, 32),
    "learner.batch_size": 64,
    "evaluate.every": 5,
    "evaluate.episodes": 4,
    "evaluate.confirm": 4,
    "collect.episodes": 1,
    "collect.updates": 10,
    "save.tensorboard": False,
}
"""Settings of a run that takes a second."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("XDG_CACHE_HOME")
    base = tmp_path_factory.getbasetemp()  # of each process that tests; its parent is of all
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["XDG_CACHE_HOME"] = str(shared / "cache")
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Processes that tests start hear Ctrl-C: where a shell runs the tests in the background it is
    ignored, and children would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A finished run of 20 episodes on the point-reacher."""
    out = tmp_path_factory.mktemp("runs") / "small"
    return goalrelay.train(
        "her", "goalrelay/PointReach-v0", episodes=20, seed=3, out=out, settings=SMALL
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser without a window (playwright's); skips where there is none, but not in CI."""
    yield from browser.opened()


@pytest.fixture
def user_module(tmp_path: Path) -> Iterator[Path]:
    """A folder on the path where a test can put a module of a user's."""
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))


@pytest.fixture
def opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way to draw without a window; skips where there is none."""
    for name in ("MUJOCO_GL", "PYOPENGL_PLATFORM"):  # put back after the test
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    try:
        choose_backend()
    except UsageError as error:
        pytest.skip(str(error))
