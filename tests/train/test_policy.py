"""A saved policy acts the same wherever it is loaded, and loading it runs no code."""

import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import goalrelay
from goalrelay import cli
from goalrelay.errors import UsageError
from goalrelay.methods.relay.guidance import Guidance
from goalrelay.methods import her, relay
from goalrelay.learners.networks import MLP
from goalrelay.learners.normalizer import Moments
from goalrelay.train.policy import Policy
from goalrelay.train.session import Result
from goalrelay.tasks.goal_task import open_task

POINT = "goalrelay/PointReach-v0"


def observations(count: int) -> list[dict[str, np.ndarray]]:
    space = gymnasium.make(POINT).observation_space
    space.seed(0)
    return [space.sample() for _ in range(count)]


def test_a_loaded_policy_acts_like_the_one_that_was_saved(small_run: Result) -> None:
    last = goalrelay.load(small_run.folder / "policy-last.safetensors")
    assert last.spec == small_run.policy.spec
    for observation in observations(20):
        np.testing.assert_array_equal(last(observation), small_run.policy(observation))


def test_another_process_gets_the_same_actions(small_run: Result) -> None:
    seen = observations(5)
    code = (
        "import sys, json, numpy as np, goalrelay\n"
        "policy = goalrelay.load(sys.argv[1])\n"
        "seen = [{k: np.array(v, 'f') for k, v in o.items()} for o in json.loads(sys.argv[2])]\n"
        "print(json.dumps([policy(o).tolist() for o in seen]))\n"
    )
    listed = json.dumps([{k: v.tolist() for k, v in o.items()} for o in seen])
    output = subprocess.run(
        [sys.executable, "-c", code, str(small_run.folder), listed],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    policy = goalrelay.load(small_run.folder)
    np.testing.assert_array_equal(json.loads(output), [policy(o).tolist() for o in seen])


def test_a_policy_drives_a_plain_gymnasium_environment(small_run: Result) -> None:
    env = gymnasium.make(POINT)
    policy = goalrelay.load(small_run.folder)
    observation, _ = env.reset(seed=0)
    truncated = False
    for _ in range(25):
        action = policy(observation)
        assert env.action_space.contains(action)
        observation, _, _, truncated, _ = env.step(action)
    assert truncated


@pytest.mark.parametrize(
    ("task", "learner"), [("goalrelay/BitFlip-v0", "dqn"), ("Pendulum-v1", "td3")]
)
def test_actions_are_in_the_tasks_own_units(task: str, learner: str, tmp_path: Path) -> None:
    settings = {"learner.hidden": (16,), "save.tensorboard": False, "evaluate.confirm": 2}
    run = goalrelay.train(
        "flat", task, learner=learner, episodes=2, out=tmp_path / "r", settings=settings
    )
    env = gymnasium.make(task)
    observation, _ = env.reset(seed=0)
    action = goalrelay.load(run.folder)(observation)
    assert env.action_space.contains(np.int64(action) if learner == "dqn" else action)


FROM_ONE = "stranger_tasks:FromOne-v0"


@pytest.mark.parametrize("best", range(3))
def test_a_policy_gives_discrete_actions_as_the_task_counts_them(
    best: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = open_task(FROM_ONE)
    actor = MLP((np.zeros((2, 3), "f"),), (np.eye(3, dtype="f")[best],))
    scale = Moments(np.zeros(2, "f"), np.ones(2, "f"), np.float32(200), np.float32(5))
    none, config = np.zeros(0, "f"), her.Config()
    policy = Policy(task.id, (), "her", config, "dqn", task.spec, none, none, (actor,), (scale,), 1)
    policy.save(tmp_path)
    seen, _ = task.env.reset(seed=0)
    assert policy(seen) == goalrelay.load(tmp_path)(seen) == best + 1
    about = json.loads((tmp_path / "policy.json").read_text())
    del about["first_action"]  # as older files are
    (tmp_path / "policy.json").write_text(json.dumps(about))
    assert goalrelay.load(tmp_path)(seen) == best
    words = ["demos", "record", FROM_ONE, "--policy", str(tmp_path), "--out", str(tmp_path / "d")]
    assert cli.main(words) == 2  # its actions are another task's
    assert "does not fit" in capsys.readouterr().err


def test_a_run_on_actions_from_one_is_trained_tested_and_exported(tmp_path: Path) -> None:
    settings = {"learner.hidden": (16,), "save.tensorboard": False, "evaluate.confirm": 2}
    run = goalrelay.train(
        "her", FROM_ONE, learner="dqn", episodes=3, out=tmp_path / "r", settings=settings
    )
    policy = goalrelay.load(run.folder)
    assert policy.first_action == 1
    env = gymnasium.make("FromOne-v0")
    assert all(env.action_space.contains(policy(env.reset(seed=i)[0])) for i in range(20))
    assert goalrelay.evaluate(run.folder, episodes=3).episodes == 3


@pytest.mark.parametrize(
    ("task_id", "config"),
    [
        ("FetchPush-v4", relay.Config(symmetries=("left-right",), shares=(1.0, 2.0))),
        (
            "FetchPush-v4",
            relay.Config(encoding="absolute", translation=False, guidance=Guidance(test="relay")),
        ),
        ("goalrelay/FetchDoublePush-v0", relay.Config(guidance=Guidance(test="unfinished"))),
    ],
)
def test_a_relay_policy_keeps_its_stages_and_settings(
    task_id: str, config: relay.Config, tmp_path: Path
) -> None:
    task, rng = open_task(task_id), np.random.default_rng(0)
    sizes = [relay.input_size(config, task.spec), 8, 4]
    weights = [rng.normal(0, 0.3, s).astype("f") for s in itertools.pairwise(sizes)]
    actor = MLP(tuple(weights), (np.zeros(8, "f"), np.zeros(4, "f")))
    mean, std = rng.uniform(0.5, 2, (2, sizes[0])).astype("f")
    scale = Moments(mean, std, np.float32(200), np.float32(5))
    box = task.env.action_space
    assert isinstance(box, gymnasium.spaces.Box)
    policy = Policy(
        task.id, (), "relay", config, "ddpg", task.spec, box.low, box.high, (actor,), (scale,)
    )
    policy.save(tmp_path)
    loaded = goalrelay.load(tmp_path)
    assert (loaded.spec, loaded.method) == (policy.spec, policy.method)
    seen, _ = task.env.reset(seed=1)
    first = policy(seen)
    np.testing.assert_array_equal(loaded(seen), first)
    seen, *_ = task.env.step(first)
    np.testing.assert_array_equal(loaded(seen), policy(seen))
    assert 0 < np.abs(first).max() < 1
    task.close()


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trap-was-sprung"),))


def test_a_pickle_in_place_of_the_tensors_is_refused_and_not_run(
    small_run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.json").write_bytes((small_run.folder / "policy.json").read_bytes())
    (tmp_path / "policy.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UsageError, match="cannot read the policy"):
        goalrelay.load(tmp_path)
    assert not (tmp_path / "trap-was-sprung").exists()


def test_layers_that_do_not_fit_the_task_are_refused(small_run: Result, tmp_path: Path) -> None:
    about = json.loads((small_run.folder / "policy.json").read_text())
    about["spec"]["observation_size"] += 1
    (tmp_path / "policy.json").write_text(json.dumps(about))
    (tmp_path / "policy.safetensors").write_bytes(
        (small_run.folder / "policy.safetensors").read_bytes()
    )
    with pytest.raises(UsageError, match="do not fit its task"):
        goalrelay.load(tmp_path)


def test_a_folder_without_a_policy_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no policy yet"):
        goalrelay.load(tmp_path)
