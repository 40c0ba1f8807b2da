"""What acting and sampling may know of a run: the state that the loop makes once a cycle."""

from typing import Any

import numpy as np
import pytest

from goalrelay.settings import replace_at
from goalrelay.train import config as experiments
from goalrelay.train.loop import Trainer
from relay_task import CARRY


@pytest.fixture
def trainer() -> Any:
    experiment = experiments.make("relay", CARRY)
    small = {"learner.hidden": (8, 8), "learner.batch_size": 8, "collect.updates": 2}
    for name, value in (small | {"method.exploration.random_steps": 24}).items():
        experiment = replace_at(experiment, name, value)
    made = Trainer(experiment)
    yield made
    made.close()


def test_before_the_first_evaluation_nothing_is_known(trainer: Trainer) -> None:
    snapshot = trainer._acting().snapshot
    assert (snapshot.success, snapshot.best, snapshot.episodes) == (None, None, 0)
    assert snapshot.reached == (0.0, 0.0)
    assert snapshot.random
    trainer.cycle()
    assert trainer._acting().snapshot.episodes == 2
    assert not trainer._acting().snapshot.random


def test_it_knows_the_last_evaluation_and_the_best(trainer: Trainer) -> None:
    evaluation = trainer.evaluate(trainer.policy(), 4)
    for success, best in ((0.25, 0.25), (0.75, 0.75), (0.5, 0.75)):
        reached = evaluation.diagnosis | {"reached_reach": 1.0, "reached_task": success}
        trainer.take_evaluation(evaluation._replace(success=success, diagnosis=reached))
        snapshot = trainer._acting().snapshot
        assert (snapshot.success, snapshot.best) == (success, best)
        assert snapshot.reached == (1.0, success)


@pytest.mark.parametrize("mean_return", [-40.0, 1.5, 300.0])
def test_a_return_is_no_rate_of_success(trainer: Trainer, mean_return: float) -> None:
    """In a task without success the best policy is that of the highest return, and no more."""
    evaluation = trainer.evaluate(trainer.policy(), 4)
    without = evaluation._replace(success=np.nan, mean_return=mean_return)
    assert without.score == mean_return
    trainer.take_evaluation(without)
    snapshot = trainer._acting().snapshot
    assert (snapshot.success, snapshot.best) == (None, None)
