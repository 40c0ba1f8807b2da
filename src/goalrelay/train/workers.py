"""The collector of a run: threads of this process, or workers elsewhere."""

import contextlib
import functools
import importlib.metadata
import socket
from collections.abc import Callable
from typing import Any

from goalrelay.data.collector import Collecting, Collector
from goalrelay.data.rollout import Simulator
from goalrelay.methods.base import Method
from goalrelay.scale.address import Address, address_of, key_for
from goalrelay.scale.collector import RemoteCollector
from goalrelay.scale.dispatch import Dispatcher
from goalrelay.scale.episodes import form_of, sizes_of
from goalrelay.scale.ray_pool import RayPool
from goalrelay.scale.socket_pool import SocketPool
from goalrelay.scale.versions import check_mjx
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment
from goalrelay.train.description import task_to_json
from goalrelay.train.sharing import SHARED, share_state
from goalrelay.types import Task

ALL_HOSTS = ("0.0.0.0", "::")
"""Hosts at which a learner listens that is reached by any name of its machine."""


def collector_of(
    experiment: AnyExperiment,
    simulator: Simulator,
    method: Method,
    found: Task | None,
    log: Callable[[str], None],
) -> Collecting:
    """The collector that a run asks for.

    Args:
        experiment: all options, with the values that depend on the task.
        simulator: of the task; it gets a note where two environments share their state.
        method: of the run.
        found: the task with a structure that was found, which workers have to use; None: none was.
        log: called with a line about each worker that joins or is lost.

    Raises:
        UsageError: the workers cannot be had.
    """
    if experiment.scale.workers or experiment.scale.listen:
        return _remote(experiment, simulator, method, found, log)
    collector = Collector(
        lambda: open_task(experiment.task, experiment.task_options),
        experiment.collect.threads,
        experiment.collect.step_timeout,
    )
    if experiment.collect.threads > 1 and share_state(simulator, collector):
        simulator.notes = (*simulator.notes, SHARED)
    if experiment.scale.physics == "mjx":
        return _on_device(experiment, simulator, method, collector)
    return collector


def _remote(
    experiment: AnyExperiment,
    simulator: Simulator,
    method: Method,
    found: Task | None,
    log: Callable[[str], None],
) -> RemoteCollector:
    """A collector whose episodes come from Ray's workers, or from programs that join."""
    scale, config = experiment.scale, experiments.to_json(experiment)
    structure = None if found is None else task_to_json(found)
    hint = ""
    if scale.workers:
        from goalrelay.train.worker import EpisodeWorker  # which imports `build`, as this does

        make = functools.partial(EpisodeWorker, config, structure)
        pool = RayPool(make, scale.workers, scale.address)
    else:
        about = {"config": config, "structure": structure, "sizes": sizes_of(simulator.spec)}
        pool = _socket_pool(scale.listen, simulator, method, about, log)
        hint = f", `{_joining(pool.address)}` starts one"
    return RemoteCollector(Dispatcher(pool, scale.episode_timeout, log), log, hint)


def _on_device(
    experiment: AnyExperiment, simulator: Simulator, method: Method, ordinary: Collector
) -> Collecting:
    """A collector with physics on JAX's device, which takes tests from an ordinary one."""
    worlds = experiment.collect.episodes
    try:
        check_mjx()
        with contextlib.redirect_stdout(None):  # it prints that warp is absent
            from goalrelay.scale.mjx import MjxCollector  # an extra
        return MjxCollector(simulator, method, experiment.learner_name, worlds, ordinary)
    except BaseException:
        ordinary.close()
        raise


def version() -> str:
    """Of goalrelay; learner and collectors must have the same."""
    return importlib.metadata.version("goalrelay")


def _socket_pool(
    listen: str,
    simulator: Simulator,
    method: Method,
    about: dict[str, Any],
    log: Callable[[str], None],
) -> SocketPool:
    """Workers that join over a socket."""
    address, key = address_of(listen, "--scale.listen"), key_for("--scale.listen")
    form = form_of(simulator.spec, method.extra_action_size)
    pool = SocketPool(address, key, {"version": version(), **about}, form, log)
    log(f"listening at {pool.address}; join by `{_joining(pool.address)}`")
    return pool


def _joining(address: Address) -> str:
    """The command of a collector."""
    host = socket.gethostname() if address.host in ALL_HOSTS else address.host
    return f"goalrelay collect {Address(host, address.port)}"
