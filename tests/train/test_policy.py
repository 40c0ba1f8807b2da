"""A saved policy acts the same wherever it is loaded, and loading it runs no code."""

import dataclasses
import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import goalrelay
import stranger_tasks as strangers
from conftest import SMALL
from goalrelay.cli import main as cli
from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.learners.networks import MLP
from goalrelay.learners.normalizer import Moments
from goalrelay.methods import her, hierarchy, relay
from goalrelay.methods.base import Method
from goalrelay.methods.relay.config import Variant
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.policy import Policy
from goalrelay.train.session import Result

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


def policy_of(
    simulator: Simulator, method: Method, actors: tuple[MLP, ...], moments: tuple[Moments, ...]
) -> Policy:
    """A policy with these networks; only the method's name and the learner's are looked up."""
    name = type(method).__module__.rpartition(".")[2]
    learner = "dqn" if simulator.spec.discrete else "ddpg"
    of = (simulator.id, (), name, method, learner, simulator.interface)
    return Policy(*of, actors, moments)


def at_random(sizes: list[int], rng: np.random.Generator) -> tuple[MLP, Moments]:
    """A network whose actions depend on all inputs, and statistics of its inputs."""
    weights = [rng.normal(0, 0.3, s).astype("f") for s in itertools.pairwise(sizes)]
    mean, std = rng.uniform(0.5, 2, (2, sizes[0])).astype("f")
    actor = MLP(tuple(weights), tuple(np.zeros(size, "f") for size in sizes[1:]))
    return actor, Moments(mean, std, np.float32(5))


@pytest.mark.parametrize("best", range(3))
def test_a_policy_gives_discrete_actions_as_the_task_counts_them(
    best: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = open_task(FROM_ONE)
    actor = MLP((np.zeros((2, 3), "f"),), (np.eye(3, dtype="f")[best],))
    moments = Moments(np.zeros(2, "f"), np.ones(2, "f"), np.float32(5))
    method = her.Her(her.Config(), simulator.task, 0.98)
    policy = policy_of(simulator, method, (actor,), (moments,))
    policy.save(tmp_path)
    seen, _ = simulator.env.reset(seed=0)
    assert policy(seen) == goalrelay.load(tmp_path)(seen) == best + 1
    # Whoever counts actions from 0 acts in another task.
    interface = simulator.interface._replace(
        actions=simulator.interface.actions._replace(first=(0,))
    )
    dataclasses.replace(policy, interface=interface).save(tmp_path)
    words = ["demos", "generate", FROM_ONE, "--policy", str(tmp_path), "--out", str(tmp_path / "d")]
    assert cli.main(words) == 2
    assert "does not fit" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_batch_of_observations_is_refused(count: int, tmp_path: Path) -> None:
    run = goalrelay.train("her", POINT, episodes=1, out=tmp_path / "r", settings=SMALL)
    seen, _ = open_task(POINT).env.reset(seed=0)
    batch = {key: np.repeat(value[None], count, axis=0) for key, value in seen.items()}
    with pytest.raises(UsageError, match=r"has shape \(\d, 2\), its space has \(2,\)"):
        run.policy(batch)


@pytest.mark.parametrize("name", ["Nested", "Places"])
def test_a_policy_keeps_how_its_task_is_laid_out(name: str, tmp_path: Path) -> None:
    learner = "dqn" if name == "Places" else "ddpg"
    task = f"stranger_tasks:{name}-v0"
    run = goalrelay.train(
        "her", task, learner=learner, episodes=1, out=tmp_path / "r", settings=SMALL
    )
    simulator, policy = open_task(task), goalrelay.load(run.folder)
    assert policy.interface.layouts == simulator.interface.layouts
    for seed in range(5):
        seen, _ = simulator.env.reset(seed=seed)
        assert simulator.env.action_space.contains(policy(seen))


def without_checksum(run: Path, folder: Path) -> dict[str, Any]:
    """Tensors as they were written before there was a checksum; returns the description."""
    save_file(load_file(run / "policy.safetensors"), folder / "policy.safetensors")
    return json.loads((run / "policy.json").read_text()) | {"format": 5}


def test_a_policy_of_the_plain_form_is_read(tmp_path: Path) -> None:
    for name, task, learner in (("point", POINT, "ddpg"), ("from-one", FROM_ONE, "dqn")):
        run = goalrelay.train(
            "her", task, learner=learner, episodes=1, out=tmp_path / name, settings=SMALL
        )
        run.policy.save(run.folder)
        (tmp_path / f"{name}-plain").mkdir()
        about = without_checksum(run.folder, tmp_path / f"{name}-plain")
        file = tmp_path / f"{name}-plain" / "policy.json"
        shape, choices, first = about.pop("actions")
        del about["layouts"], shape, choices
        about |= {"first_action": (first or [0])[0], "flat": False}
        file.write_text(json.dumps(about))
        seen, _ = open_task(task).env.reset(seed=0)
        np.testing.assert_array_equal(goalrelay.load(file)(seen), run.policy(seen))


def test_a_run_on_actions_from_one_is_trained_tested_and_exported(tmp_path: Path) -> None:
    settings = {"learner.hidden": (16,), "save.tensorboard": False, "evaluate.confirm": 2}
    run = goalrelay.train(
        "her", FROM_ONE, learner="dqn", episodes=3, out=tmp_path / "r", settings=settings
    )
    policy = goalrelay.load(run.folder)
    assert policy.interface.actions.first == (1,)
    env = gymnasium.make("FromOne-v0")
    assert all(env.action_space.contains(policy(env.reset(seed=i)[0])) for i in range(20))
    assert goalrelay.evaluate(run.folder, episodes=3).episodes == 3


@pytest.mark.parametrize(
    ("task_id", "config"),
    [
        ("FetchPush-v4", relay.Config(symmetry_augmentation=("left-right",), k=2)),
        (
            "FetchPush-v4",
            relay.Config(
                translation_invariant=False, variant=Variant(goal_frame="world", evaluated="relay")
            ),
        ),
        ("goalrelay/FetchDoublePush-v0", relay.Config(variant=Variant(evaluated="unfinished"))),
    ],
)
def test_a_relay_policy_keeps_its_task_and_settings(
    task_id: str, config: relay.Config, tmp_path: Path
) -> None:
    simulator = open_task(task_id)
    method = relay.Relay(config, simulator.task, 0.98)
    actor, moments = at_random([len(method.normalized), 8, 4], np.random.default_rng(0))
    policy = policy_of(simulator, method, (actor,), (moments,))
    policy.save(tmp_path)
    loaded = goalrelay.load(tmp_path)
    assert loaded.spec == policy.spec == simulator.spec
    assert loaded.method.config == method.config
    assert loaded.method.task.symmetries == simulator.symmetries != ()
    seen, _ = simulator.env.reset(seed=1)
    first = policy(seen)
    np.testing.assert_array_equal(loaded(seen), first)
    seen, *_ = simulator.env.step(first)
    np.testing.assert_array_equal(loaded(seen), policy(seen))
    assert 0 < np.abs(first).max() < 1
    simulator.close()


def test_a_policy_of_two_levels_acts_episode_by_episode_and_is_loaded_with_both(
    tmp_path: Path,
) -> None:
    simulator, rng = open_task("goalrelay/PointMaze-v0"), np.random.default_rng(0)
    method = hierarchy.Hierarchy(hierarchy.Config(subgoal_steps=3), simulator.task, 0.98)
    levels = [
        at_random([len(level.normalized), 8, level.spec.action_size], rng)
        for level in method.levels
    ]
    policy = policy_of(simulator, method, *zip(*levels, strict=True))
    policy.save(tmp_path)
    loaded = goalrelay.load(tmp_path)
    assert loaded.spec == simulator.spec
    assert loaded.method.config == method.config
    seen, _ = simulator.env.reset(seed=1)
    with pytest.raises(UsageError, match=r"acts by policy\.episode\(\)"):
        policy(seen)
    one, other = policy.episode(), loaded.episode()
    for _ in range(7):  # over more than two sub-goals
        action = one(seen)
        np.testing.assert_array_equal(other(seen), action)
        seen, *_ = simulator.env.step(action)
    simulator.close()


def test_a_policy_alone_has_no_reward(small_run: Result) -> None:
    loaded = goalrelay.load(small_run.folder)
    goals = np.zeros((1, loaded.spec.goal_size), np.float32)
    with pytest.raises(UsageError, match="has no reward function; open its task"):
        loaded.method.task.reward(goals, goals)


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
    about = without_checksum(small_run.folder, tmp_path)
    about["spec"]["observation_size"] += 1
    about["layouts"][0][0][1] = [3]
    (tmp_path / "policy.json").write_text(json.dumps(about))
    with pytest.raises(UsageError, match="do not fit its task"):
        goalrelay.load(tmp_path)


HUGE = 10**12


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        ("spec.observation_size", HUGE, "'spec.observation_size' is 1000000000000, and the file"),
        ("spec.goal_size", -1, "'spec.goal_size' is -1, and the file has"),
        ("spec.action_size", True, "'spec.action_size' is True, and should be a whole number"),
        ("spec.image", [HUGE, 1, 3], "'spec.image' is 1000000000000, and the file has"),
        ("spec.image", [16, 16, 3], "'images' of () do not fit 'spec.image' (16, 16, 3)"),
        ("spec.stages", "abc", "'spec.stages' is 'abc', and should be a list"),
        ("spec.stages", [[1]], "'spec.stages[0].achieved' is missing"),
        ("spec.reward_range", 5, "'spec.reward_range' is 5, and should be a list"),
        (
            "spec.position_columns",
            [99],
            "'spec' names column 99 of observation, which is",
        ),
        ("spec.extra", 1, "'spec.extra' is unknown"),
        ("spec.discrete", True, "'actions' do not fit 'spec.action_size' 2"),
        ("spec", [], "'spec.observation_size' is missing"),
        ("symmetries", [["m", [1], [2], [3]]], "'symmetries[0].observation.sign' is missing"),
        ("task", 5, "'task' is 5, and should be a text"),
        ("task_options", [5], "'task_options[0]' is 5, and should be a text"),
        ("method", ["her"], "'method' is ['her'], and should be a text"),
        ("settings", [], "'settings' is [], and should be an object"),
        ("learner", None, "'learner' is None, and should be a text"),
        ("learner", "dqn", "'learner' is dqn, which is not for continuous actions"),
        ("learner", "td3", "the policy cannot act: its network gives actions of shape (4,)"),
        ("layers", [10**8], "the tensor '0.weights.3' is missing"),
        ("layers", [3, 3], "'layers' and 'layer_norm' must be of 1 networks"),
        ("layer_norm", [True], "the tensor '0.gains.0' is missing"),
        ("actions", [[HUGE], [], []], "'actions' is 1000000000000, and the file has"),
        ("actions", [[], [3], [0]], "'actions' do not fit 'spec.action_size' 2"),
        ("layouts", 5, "'layouts' is 5, and should be a list"),
        ("layouts", [[[["observation"], [99], "float32", [], []]]], "'layouts' of [99] numbers do"),
        ("images", [[["observation"], [16, 16, 3], False]], "'images' of (16, 16, 3) do not fit"),
    ],
)
def test_a_description_that_cannot_be_is_refused_in_one_line(
    where: str, value: Any, complaint: str, small_run: Result, tmp_path: Path
) -> None:
    about = inner = without_checksum(small_run.folder, tmp_path)
    *groups, last = where.split(".")
    for group in groups:
        inner = inner[group]
    inner[last] = value
    (tmp_path / "policy.json").write_text(json.dumps(about))
    with pytest.raises(UsageError) as error:
        goalrelay.load(tmp_path)
    line = str(error.value)
    assert line.startswith(f"{tmp_path / 'policy.json'}: {complaint}") and "\n" not in line


@pytest.mark.parametrize(
    ("name", "shape"),
    [("0.biases.0", ()), ("0.moments.mean", (1,)), ("action_low", ()), ("action_high", (3,))],
)
def test_a_tensor_of_another_shape_is_refused(
    name: str, shape: tuple[int, ...], small_run: Result, tmp_path: Path
) -> None:
    about = without_checksum(small_run.folder, tmp_path)
    (tmp_path / "policy.json").write_text(json.dumps(about))
    tensors = load_file(tmp_path / "policy.safetensors") | {name: np.zeros(shape, np.float32)}
    save_file(tensors, tmp_path / "policy.safetensors")
    with pytest.raises(UsageError, match=r"should be a vector|do not fit") as error:
        goalrelay.load(tmp_path)
    assert str(tmp_path) in str(error.value)


BAD_PARTS: dict[str, tuple[Any, str]] = {
    "nan": (np.array([0, np.nan]), r"observation\['desired_goal'\]\[1\] is nan"),
    "infinite": (np.array([np.inf, 0]), r"observation\['desired_goal'\]\[0\] is inf"),
    "huge": (np.array([1e16, 0]), r"observation\['desired_goal'\]\[0\] is 1e\+16"),
    "none": (None, r"observation\['desired_goal'\] is None, and should be numbers"),
    "text": ("1.5", r"observation\['desired_goal'\] is '1.5', and should be numbers"),
    "nones": ([None, 1.0], r"observation\['desired_goal'\] is \[None, 1.0\], and should be"),
    "ragged": ([[1.0], [1.0, 2.0]], r"observation\['desired_goal'\] is .*, and should be numbers"),
    "shape": (np.zeros(3), r"observation\['desired_goal'\] has shape \(3,\)"),
}


@pytest.mark.parametrize("kind", BAD_PARTS)
def test_an_observation_that_is_no_numbers_is_refused_by_its_part(
    kind: str, small_run: Result
) -> None:
    value, complaint = BAD_PARTS[kind]
    seen = observations(1)[0]
    with pytest.raises(UsageError, match=complaint):
        small_run.policy(seen | {"desired_goal": value})
    with pytest.raises(UsageError, match=complaint):
        small_run.policy.episode()(seen | {"desired_goal": value})
    listed = {key: value.tolist() for key, value in seen.items()}
    np.testing.assert_array_equal(small_run.policy(listed), small_run.policy(seen))
    with pytest.raises(UsageError, match=r"observation\['observation'\] is missing"):
        small_run.policy(None)


@pytest.mark.parametrize("version", [4, 7, None, "6"])
def test_a_policy_of_another_version_is_refused(
    version: Any, small_run: Result, tmp_path: Path
) -> None:
    about = without_checksum(small_run.folder, tmp_path)
    (tmp_path / "policy.json").write_text(json.dumps(about | {"format": version}))
    with pytest.raises(UsageError, match="not a goalrelay policy of this version"):
        goalrelay.load(tmp_path)


class Changed(strangers.Nested):
    """The nested task, of which a test changes something after a policy was trained."""

    key, most = "joint", 2.0

    def __init__(self, render_mode: str | None = None):
        super().__init__()
        self.action_space = gymnasium.spaces.Box(-self.most, self.most, (1,), np.float32)
        one: dict[str, Any] = dict.fromkeys(strangers.KEYS, strangers.BOX)
        inner: dict[str, Any] = {self.key: strangers.BOX}
        one |= {"observation": gymnasium.spaces.Dict(inner)}
        self.observation_space = gymnasium.spaces.Dict(one)

    def look(self) -> Any:
        seen = strangers.Line.look(self)
        return seen | {"observation": {self.key: seen["observation"]}}


@pytest.mark.parametrize(
    ("attribute", "value", "complaint"),
    [
        (
            "key",
            "angle",
            r"trained with observation\['observation'\]\['joint'\] of shape \(1,\); task "
            r"'Changed-v0' has observation\['observation'\]\['angle'\] of shape \(1,\)",
        ),
        ("most", 4.0, r"with action\[0\] from -2.0 to 2.0; task 'Changed-v0' has .* -4.0 to 4.0"),
    ],
)
def test_a_task_that_shows_or_does_something_else_now_is_refused(
    attribute: str, value: Any, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry: Any = Changed
    gymnasium.register("Changed-v0", entry, max_episode_steps=6)
    try:
        run = goalrelay.train("her", "Changed-v0", episodes=1, out=tmp_path / "r", settings=SMALL)
        assert goalrelay.evaluate(run.folder, episodes=1, threads=1).episodes == 1
        monkeypatch.setattr(Changed, attribute, value)
        with pytest.raises(UsageError, match=complaint):
            goalrelay.evaluate(run.folder, episodes=1, threads=1)
    finally:
        gymnasium.registry.pop("Changed-v0")


def test_a_policy_without_all_its_settings_is_refused(small_run: Result, tmp_path: Path) -> None:
    about = without_checksum(small_run.folder, tmp_path)
    del about["settings"]["k"]
    (tmp_path / "policy.json").write_text(json.dumps(about))
    with pytest.raises(UsageError, match="option 'k' is absent"):
        goalrelay.load(tmp_path)


def test_a_policy_of_the_format_without_a_checksum_is_loaded(
    small_run: Result, tmp_path: Path
) -> None:
    about = without_checksum(small_run.folder, tmp_path)
    (tmp_path / "policy.json").write_text(json.dumps(about))
    loaded, policy = goalrelay.load(tmp_path), goalrelay.load(small_run.folder)
    for observation in observations(5):
        np.testing.assert_array_equal(loaded(observation), policy(observation))
    (tmp_path / "policy.json").write_text(json.dumps(about | {"format": 6}))
    with pytest.raises(UsageError, match="is damaged: the checksum"):
        goalrelay.load(tmp_path)


def test_a_policy_with_flipped_bits_is_refused_or_is_the_same(
    small_run: Result, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    contents = {
        name: (small_run.folder / name).read_bytes()
        for name in ("policy.json", "policy.safetensors")
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    seen = observations(1)[0]
    action, refused = goalrelay.load(tmp_path)(seen), 0
    for attempt in range(400):
        name = list(contents)[attempt % 2]
        damaged = np.frombuffer(contents[name], np.uint8).copy()
        where = rng.integers(damaged.size if attempt % 4 else 600, size=1 + attempt % 3)
        damaged[where] ^= np.left_shift(1, rng.integers(8, size=where.size)).astype(np.uint8)
        (tmp_path / name).write_bytes(damaged.tobytes())
        try:
            np.testing.assert_array_equal(goalrelay.load(tmp_path)(seen), action)
        except UsageError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1 and str(tmp_path) in str(error)
        (tmp_path / name).write_bytes(contents[name])
    assert refused > 300


def test_a_folder_without_a_policy_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no policy yet"):
        goalrelay.load(tmp_path)
