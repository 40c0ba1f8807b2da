"""Who acts on a device: the same stage, the same inputs and the same action as in NumPy."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from goalrelay.errors import UsageError
from goalrelay.methods.hierarchy import Hierarchy
from goalrelay.methods.relay.guidance import Guidance
from goalrelay.scale.mjx_acting import DeviceActing
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.train.loop import Trainer
from goalrelay.types import Observation, Snapshot

PUSH, STACK = "goalrelay/FetchPush-v0", "goalrelay/FetchStack-v0"
MAZE = "goalrelay/PointMaze-v0"
SCRIPTED = {"method.guidance.guide": "controller", "method.guidance.imitation": 0.0}
QUIET = {"method.exploration.noise": 0.0, "method.exploration.random": 0.0}


@functools.cache
def trainer(method: str, task: str, learner: str) -> Trainer:
    """One for all tests: what it compiles takes some seconds."""
    small = {"collect.threads": 1, "learner.hidden": (16,)}
    return Trainer(experiments.with_options(experiments.make(method, task, learner), small))


def method_of(run: Trainer, **settings: Any) -> Any:
    """Its method with other options."""
    chosen = experiments.with_options(run.experiment, {**QUIET, **settings})
    return type(run.method)(chosen.method, run.simulator.task, chosen.learner.gamma)


def timesteps(run: Trainer, count: int) -> list[Observation]:
    """Some at which the hand is at an object and objects are at their goals, and others."""
    rng, shown = np.random.default_rng(0), run.simulator.reset(5)
    hand = np.tile(shown.observation[:3], len(shown.achieved) // 3)

    def near() -> np.ndarray:
        return np.repeat(rng.choice([0.01, 0.2], len(hand) // 3), 3) * rng.normal(size=hand.shape)

    def timestep() -> Observation:
        achieved = hand + near()
        desired = achieved + near()
        return shown._replace(
            achieved=achieved.astype(np.float32), desired=desired.astype(np.float32)
        )

    return [timestep() for _ in range(count)]


def snapshot(run: Trainer, **known: Any) -> Snapshot:
    stages = len(run.method.task.spec.stages)
    return Snapshot(run.policy().networks, reached=(0.0,) * stages, **known)


@pytest.mark.parametrize(
    ("method", "task", "learner"),
    [("her", PUSH, "td3"), ("flat", PUSH, "ddpg"), ("relay", PUSH, "td3"), ("relay", STACK, "td3")],
)
def test_without_noise_the_action_is_that_of_numpy(method: str, task: str, learner: str) -> None:
    settings = {"method.guidance.guide": "none"} if method == "relay" else {}
    run = trainer(method, task, learner)
    state, chosen = snapshot(run), method_of(run, **settings)
    device = DeviceActing(chosen, learner)
    given = device.parameters(run.policy().weights, state)
    act, own = jax.jit(device.act), chosen.act(state, np.random.default_rng(0))
    for shown in timesteps(run, 9):
        key = jax.random.key(0)
        np.testing.assert_allclose(act(given, shown, key), own(shown), atol=2e-5)


@pytest.mark.parametrize("after", ["next", "stage", "mixed"])
@pytest.mark.parametrize("probability", [0.0, 1.0])
@pytest.mark.parametrize("task", [PUSH, STACK])
def test_relay_chooses_the_stage_that_numpy_chooses(
    task: str, probability: float, after: str
) -> None:
    settings = {"method.guidance.probability": probability, "method.variant.after": after}
    run = trainer("relay", task, "td3")
    state, found, chosen = snapshot(run), set(), method_of(run, **settings)
    device = DeviceActing(chosen, "td3")
    given = device.parameters(run.policy().weights, state)
    choose = jax.jit(device.choose)
    guidance = Guidance(chosen.config, chosen.order)
    for shown in timesteps(run, 40):
        stage, guiding = choose(given, shown, 0.5)
        own = guidance.choose(shown, 0, state, np.random.default_rng(0))
        assert (int(stage), bool(guiding)) == own
        found.add(own)
    assert len(found) > 1 or task == PUSH


def test_noise_and_random_actions_have_the_asked_size() -> None:
    run = trainer("her", PUSH, "td3")
    device, (shown,) = DeviceActing(method_of(run), "td3"), timesteps(run, 1)
    given = device.parameters(run.policy().weights, snapshot(run))
    given = given._replace(actor=jax.tree.map(np.zeros_like, given.actor))
    keys = jax.random.split(jax.random.key(0), 2000)
    act = jax.jit(jax.vmap(device.act, in_axes=(None, None, 0)))
    still = np.asarray(act(given, shown, keys))
    assert (still == still[0]).all()
    noisy = act(given._replace(noise=np.full(1, 0.1, np.float32)), shown, keys)
    assert np.std(np.asarray(noisy), axis=0) == pytest.approx(np.full(4, 0.1), rel=0.1)
    half = np.asarray(act(given._replace(random=np.full(1, 0.5, np.float32)), shown, keys))
    assert (half != still).any(axis=1).mean() == pytest.approx(0.5, abs=0.05)
    random = np.asarray(act(given._replace(all_random=np.array(True)), shown, keys))
    assert np.std(random, axis=0) == pytest.approx(np.full(4, 3**-0.5), rel=0.1)


def test_what_does_not_run_on_a_device_is_refused_by_name() -> None:
    scripted = method_of(trainer("relay", PUSH, "td3"), **SCRIPTED)
    with pytest.raises(UsageError, match=r"has no --method.guidance.guide controller"):
        DeviceActing(scripted, "td3")
    experiment, task = experiments.make("hierarchy", MAZE), open_task(MAZE)
    hierarchy = Hierarchy(experiment.method, task.task, 0.99)
    with pytest.raises(UsageError, match="is for the methods her, flat and relay"):
        DeviceActing(hierarchy, "td3")
    task.close()
