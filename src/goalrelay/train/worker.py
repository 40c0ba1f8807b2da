"""A worker: a task and a method in a process of its own, that runs one episode for each job."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.data.rollout import rollout
from goalrelay.errors import TaskFailed
from goalrelay.methods.acting import Acting, unpacked
from goalrelay.scale.pool import REMEMBERED
from goalrelay.train import config as experiments
from goalrelay.train.build import open_method
from goalrelay.train.description import task_from_json
from goalrelay.types import Episode, Spec


class EpisodeWorker:
    """Runs episodes.

    Args:
        config: `config.json` of the run.
        structure: `structure.json` of the run; None: it has none.

    Raises:
        UsageError: the task cannot be opened here.
    """

    def __init__(self, config: Mapping[str, Any], structure: Mapping[str, Any] | None):
        experiment = experiments.restore(config)
        found = None if structure is None else task_from_json(structure)
        self._simulator, self._method, _ = open_method(experiment, found)
        self.spec: Spec = self._simulator.spec
        self._learner_name = experiment.learner_name
        self._acting: dict[int, Acting] = {}

    def has(self, number: int) -> bool:
        """Whether this worker has the weights of this number."""
        return number in self._acting

    def take(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Take weights, by their number; the oldest are forgotten."""
        self._acting[number] = unpacked(arrays, self._method, self._learner_name)
        for old in list(self._acting)[:-REMEMBERED]:
            del self._acting[old]

    def forget(self) -> None:
        """Forget all weights: those to come are of another learner, with numbers of its own."""
        self._acting.clear()

    def run(self, number: int, seed: int, evaluation: bool) -> Episode | TaskFailed:
        """An episode by the weights of this number, or how it failed."""
        try:
            return rollout(self._simulator, self._acting[number], seed, evaluation)
        except TaskFailed as failure:
            return TaskFailed(str(failure))  # without its cause, which may be of any type

    def close(self) -> None:
        """Free the simulator."""
        self._simulator.close()
