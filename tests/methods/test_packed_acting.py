"""Who acts, packed into arrays for another process, acts there in the same way."""

import numpy as np
import pytest

from goalrelay.methods.acting import Acting, unpacked
from goalrelay.train.config import make, with_options
from goalrelay.train.loop import Trainer
from goalrelay.types import Snapshot


@pytest.fixture(scope="module", params=[("her", "sac"), ("relay", "td3"), ("hierarchy", "td3")])
def acting(request, tmp_path_factory):
    method, learner = request.param
    task = "goalrelay/PointMaze-v0" if method == "hierarchy" else "FetchPush-v4"
    experiment = make(method, task, learner)
    trainer = Trainer(with_options(experiment, {"episodes": 2}))
    yield trainer.policy().acting(), trainer
    trainer.close()


def test_the_packed_one_gives_the_same_episodes(acting):
    whole, trainer = acting
    state = Snapshot((), 7, False, None, 0.25, tuple(0.5 for _ in whole.method.task.spec.stages))
    for noise in (True, False):
        one = Acting(whole.method, whole.weights, state, noise)
        other = unpacked(one.packed(), whole.method, whole.weights.learner_name)
        assert other.state == state and other.noise == noise
        first, second = (trainer.collector.collect(who, [3, 4]) for who in (one, other))
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a.action, b.action)
            np.testing.assert_array_equal(a.observation, b.observation)


def test_a_missing_array_is_an_error(acting):
    whole, _ = acting
    arrays = whole.packed()
    del arrays["0.moments.mean"]
    with pytest.raises(KeyError):
        unpacked(arrays, whole.method, "td3")
