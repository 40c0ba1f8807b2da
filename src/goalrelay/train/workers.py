"""The collector of a run: threads of this process, or workers elsewhere."""

import functools
from collections.abc import Callable

from goalrelay.data.collector import Collector
from goalrelay.data.rollout import Simulator
from goalrelay.scale.collector import RemoteCollector
from goalrelay.scale.dispatch import Dispatcher
from goalrelay.scale.ray_pool import RayPool
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment
from goalrelay.train.description import task_to_json
from goalrelay.train.sharing import SHARED, share_state
from goalrelay.types import Task


def collector_of(
    experiment: AnyExperiment, simulator: Simulator, found: Task | None, log: Callable[[str], None]
) -> Collector | RemoteCollector:
    """The collector that a run asks for.

    Args:
        experiment: all options, with the values that depend on the task.
        simulator: of the task; it gets a note where two environments share their state.
        found: the task with a structure that was found, which workers have to use; None: none was.
        log: called with a line about each worker that joins or is lost.

    Raises:
        UsageError: the workers cannot be had.
    """
    scale = experiment.scale
    if scale.workers:
        from goalrelay.train.worker import EpisodeWorker  # which imports `build`, as this does

        config = experiments.to_json(experiment)
        structure = None if found is None else task_to_json(found)
        make = functools.partial(EpisodeWorker, config, structure)
        pool = RayPool(make, scale.workers, scale.address)
        return RemoteCollector(Dispatcher(pool, scale.episode_timeout, log), log)
    collector = Collector(
        lambda: open_task(experiment.task, experiment.task_options),
        experiment.collect.threads,
        experiment.collect.step_timeout,
    )
    if experiment.collect.threads > 1 and share_state(simulator, collector):
        simulator.notes = (*simulator.notes, SHARED)
    return collector
