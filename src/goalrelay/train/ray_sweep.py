"""The runs of a sweep on a Ray cluster: a queue, one run on each CPU.

A run whose process or machine is lost goes on from its newest checkpoint on another CPU. All
machines must see the folder of the sweep under the same path, which each task checks.
"""

import contextlib
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from goalrelay.errors import UsageError, first_line
from goalrelay.scale.ray_cluster import check_installed, connect
from goalrelay.train import lock
from goalrelay.train.folder import RunFolder
from goalrelay.train.sweep import Make, Row, failed, make_run
from goalrelay.train.sweep_file import Plan, Planned

RETRIES = 3
"""How often a run goes on whose process or machine was lost."""
LOOK = 2.0
"""Seconds between two looks at the runs in progress."""
STOPPING = 60.0
"""Seconds that runs get to save after Ctrl-C."""
TOKEN = "ray-token-"
"""Beginning of the name of the file by which a task recognises the folder of the sweep."""
ONE_THREAD = {"NPROC": "1", "OMP_NUM_THREADS": "1"}
"""Environment of a run: XLA computes on one core, as Ray counts it."""


class Going(NamedTuple):
    """A run in progress."""

    name: str
    host: str
    episodes: int
    """At its newest test; 0: none yet."""
    success: str
    """Of that test, with two digits; empty: none yet, or not measured."""
    lost: int
    """How often its process or machine was lost."""


class Queue(NamedTuple):
    """How far a sweep is."""

    going: list[Going]
    waiting: int


def on_ray(plan: Plan, out: Path, address: str | None, look: Callable[[Queue], None]) -> Make:
    """How `sweep.run` makes runs on Ray.

    Args:
        plan: the sweep.
        out: its folder, which all machines share.
        address: of a cluster; None: that of RAY_ADDRESS, or of this process, or a new one here.
        look: called every two seconds.

    Raises:
        UsageError: Ray is missing.
    """
    check_installed("--ray")
    plan = plan._replace(results=plan.results and plan.results.absolute())

    def make(runs: Sequence[Planned], ended: Callable[[Row], None]) -> None:
        with _connected(address) as ray, _token(out.absolute()) as token:
            _Sweep(ray, plan, token).run(runs, ended, look)

    return make


class _Sweep:
    """The queue of one sweep."""

    def __init__(self, ray: Any, plan: Plan, token: Path):
        self._ray, self._plan, self._token = ray, plan, token
        self._waiting: dict[Any, tuple[Planned, int]] = {}
        """Task -> its run, and how often it was lost."""
        # a process of its own for each run, as in a sweep without Ray
        how = {"num_cpus": 1, "max_retries": 0, "max_calls": 1}
        self._task = ray.remote(**how, runtime_env={"env_vars": ONE_THREAD})(_run)

    def run(
        self,
        runs: Sequence[Planned],
        ended: Callable[[Row], None],
        look: Callable[[Queue], None],
    ) -> None:
        """Make the runs."""
        for planned in runs:
            self._submit(planned, 0)
        try:
            while self._waiting:
                done, _ = self._ray.wait(list(self._waiting), timeout=LOOK)
                for task in done:
                    row = self._result(task)
                    if row is not None:
                        ended(row)
                look(self._queue())
        except BaseException:
            self._stop()
            raise

    def _submit(self, planned: Planned, lost: int) -> None:
        task = self._task.remote(planned, self._plan, self._token, Path.cwd())
        self._waiting[task] = planned, lost

    def _result(self, task: Any) -> Row | None:
        """The row of a task that is done; None: its run goes on in another task."""
        planned, lost = self._waiting.pop(task)
        try:
            row = self._ray.get(task)
        except self._ray.exceptions.RayTaskError:  # a bug
            raise
        except self._ray.exceptions.RayError as error:
            if lost < RETRIES:
                self._submit(planned, lost + 1)
                return None
            return failed(planned, f"lost {lost + 1} times: {first_line(error)}")
        if isinstance(row, Row):
            return row
        raise UsageError(
            f"--ray: {self._token.parent} is not the same folder on {row} as here; --out must be "
            "on a file system that all machines share, under the same path"
        )

    def _queue(self) -> Queue:
        """What the folders of the runs say."""
        going = []
        for planned, lost in self._waiting.values():
            folder = self._token.parent / planned.name
            host = lock.host(folder)
            if host:
                row: dict[str, str] = {}
                with contextlib.suppress(UsageError):
                    row = RunFolder(folder).last_row()
                episodes, success = int(row.get("episodes") or 0), row.get("eval_success") or "nan"
                shown = "" if success == "nan" else f"{float(success):.2f}"
                going.append(Going(planned.name, host, episodes, shown, lost))
        return Queue(going, len(self._waiting) - len(going))

    def _stop(self) -> None:
        """Let runs in progress save."""
        tasks = list(self._waiting)
        for task in tasks:
            self._ray.cancel(task)  # as Ctrl-C in its process
        if tasks:
            self._ray.wait(tasks, num_returns=len(tasks), timeout=STOPPING)


def _run(planned: Planned, plan: Plan, token: Path, folder: Path) -> Row | str:
    """One run, in a process of Ray; the name of this machine, if it does not see the token."""
    if not token.exists():
        return socket.gethostname()
    with contextlib.suppress(OSError):  # for paths among the options, where it is shared too
        os.chdir(folder)
    return make_run(planned, plan, token.parent)


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster."""
    ray, owned = connect(address or "", _cpus(), "--address")
    try:
        yield ray
    finally:
        if owned:
            ray.shutdown()


def _cpus() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """A file in the folder of the sweep that no other folder has."""
    token = out / f"{TOKEN}{uuid.uuid4().hex}"
    token.write_text("")
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)
