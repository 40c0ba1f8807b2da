"""What a demonstrator did is what is kept."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import relay_task
from goalrelay.cli import main as cli
from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import read, write
from goalrelay.demos.generate import Disturbance, expert_of, generate
from goalrelay.demos.load import fitted, load
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import open_task

PUSH = "goalrelay/FetchPush-v0"


@pytest.fixture(scope="module")
def push() -> Simulator:
    return open_task(PUSH)


def play(task: Simulator, seeds: range, **disturbance: float):
    return list(generate(task, expert_of(task), seeds, Disturbance(**disturbance)))


def test_the_actions_recorded_lead_to_the_moments_recorded(push: Simulator) -> None:
    (one,) = play(push, range(3, 4), noise=0.3)
    env = gymnasium.make(PUSH)
    seen, _ = env.reset(seed=3)
    for step in range(one.length):
        np.testing.assert_array_equal(seen["observation"], one.observation[step])
        seen, reward, _, _, info = env.step(one.action[step])
        assert reward == one.reward[step]
        assert info["is_success"] == one.success[step]
    np.testing.assert_array_equal(seen["achieved_goal"], one.achieved_goal[-1])
    env.close()


@pytest.mark.parametrize("disturbance", [{}, {"noise": 0.3}, {"random": 1.0}])
def test_arrays_that_an_environment_overwrites_are_copied(disturbance: dict[str, float]) -> None:
    (expected,), (one,) = (
        play(open_task(f"stranger_tasks:{name}-v0"), range(4, 5), **disturbance)
        for name in ("Line", "Reusing")
    )
    assert len(np.unique(one.observation)) > 2
    for ours, theirs in zip(one, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("random", [0.0, 1.0])
def test_discrete_actions_are_recorded_as_the_task_counts_them(
    random: float, tmp_path: Path
) -> None:
    task = open_task("stranger_tasks:FromOne-v0")
    played = play(task, range(8), random=random)
    action = np.concatenate([one.action for one in played])
    assert set(action) == {1, 2, 3}
    for one in played:  # they lead to what was recorded
        moves = 0.25 * (one.action - 2)
        places = (one.achieved_goal[:-1, 0] + moves).clip(-1, 1)
        np.testing.assert_allclose(places, one.achieved_goal[1:, 0], atol=1e-6)
    write(tmp_path / "d", played, task, "a test")
    loaded = load(str(tmp_path / "d"), task)
    np.testing.assert_array_equal(np.concatenate([one.action for one in loaded]), action - 1)
    for first in (0, 2):  # neither 0 nor 4 is an action
        wrong = played[0]._replace(action=first + np.arange(6) % 3)
        with pytest.raises(UsageError, match=r"not have: its actions are Discrete\(3, start=1\)"):
            fitted("d", wrong, task)


def test_a_seed_gives_the_same_demonstrations(push: Simulator) -> None:
    first, again = play(push, range(2), noise=0.2), play(push, range(2), noise=0.2)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.action, other.action)
    assert not np.array_equal(first[0].action, first[1].action)


def test_noise_changes_actions_and_stays_in_their_limits(push: Simulator) -> None:
    (clean,), (noisy,) = play(push, range(1)), play(push, range(1), noise=2.0)
    assert clean.success[-1] == 1
    assert np.abs(noisy.action).max() == 1
    assert np.abs(noisy.action - clean.action).mean() > 0.3


def test_a_share_of_the_episodes_is_random(push: Simulator) -> None:
    played = play(push, range(12), random=0.5)
    size = np.array([np.abs(one.action[:, :3]).mean() for one in played])  # of random ones 0.5
    wild = (size > 0.42) & (size < 0.58)
    np.testing.assert_array_equal(wild, np.arange(12) % 2 == 1)
    np.testing.assert_array_equal([one.success[-1] for one in played], ~wild)


def test_stock_tasks_have_the_experts_of_ours() -> None:
    for name in ("FetchPush-v4", "FetchPickAndPlaceDense-v4", "goalrelay/FetchStackDense-v0"):
        task = open_task(name)
        assert callable(expert_of(task)()), name
        task.close()


def test_an_environment_may_bring_its_own_expert(tmp_path: Path) -> None:
    class Taught(relay_task.Carry):
        def expert(self):
            return lambda seen: seen["observation"][4:6].clip(-1, 1)

    maker: Any = Taught
    gymnasium.register("Taught-v0", maker, max_episode_steps=10)
    task = open_task("Taught-v0")
    (one,) = play(task, range(1))
    assert one.length == 10
    write(tmp_path / "d", [one], task, "its own expert")  # the environment is a class: no name
    assert read(tmp_path / "d").task == "Taught-v0"
    gymnasium.registry.pop("Taught-v0")


def test_a_task_without_expert_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="has no scripted expert; let a policy play with --policy"):
        expert_of(open_task("goalrelay/PointReach-v0"))


def test_the_command_generates_and_says_how_often_the_expert_succeeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reach"
    words = ["demos", "generate", "goalrelay/FetchReach-v0", "--episodes", "3", "--out", str(out)]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "success: 3 of 3" in said
    assert read(out).task == "goalrelay/FetchReach-v0"
    assert cli.main(words) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_command_lets_a_policy_play(
    small_run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demos", "generate", "goalrelay/PointReach-v0", "--policy", str(small_run.folder)]
    assert cli.main([*words, "--episodes", "2", "--out", str(tmp_path / "d")]) == 0
    assert "a policy trained with her" in capsys.readouterr().out
    words[2] = PUSH
    assert cli.main([*words, "--out", str(tmp_path / "e")]) == 2
    assert "does not fit" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_only_successes_are_kept_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "d"
    words = ["demos", "generate", PUSH, "--episodes", "6", "--random", "0.5", "--out", str(out)]
    assert cli.main([*words, "--only-successes"]) == 0
    found = read(out).demonstrations
    assert 0 < len(found) < 6
    assert all(one.success[-1] == 1 for one in found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", PUSH, "--out", "x", "--episodes", "0"], "--episodes must be at least 1"),
        (["generate", PUSH, "--out", "x", "--noise", "-1"], "--noise must be at least 0"),
        (["generate", "CartPole-v1", "--out", "x"], "has no goals"),
        (["generate", PUSH], "--out"),
        (["record", PUSH], "`goalrelay demos record` is now `goalrelay demos generate`"),
        (["shw"], "did you mean 'show'"),
        (["show", "nowhere"], "holds no Minari dataset"),
    ],
)
def test_mistakes_are_said_in_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demos", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_show_counts_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reach"
    cli.main(["demos", "generate", "goalrelay/FetchReach-v0", "--episodes", "2", "--out", str(out)])
    capsys.readouterr()
    assert cli.main(["demos", "show", str(out)]) == 0
    said = capsys.readouterr().out
    assert "2 episodes by its scripted expert" in said
    assert "100 in all, 50 to 50" in said
    assert (out / "trajectories.png").stat().st_size > 10_000


def test_an_episode_that_is_not_finite_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = open_task("stranger_tasks:Line-v0")
    kept = list(generate(task, expert_of(task), range(3), Disturbance()))
    kept[2].observation[4] = np.nan
    write(tmp_path / "d", kept, task, "a test")
    assert cli.main(["demos", "show", str(tmp_path / "d")]) == 0
    assert "episode 2 has values that are not finite or above 1e+15: observation[0] at step 4" in (
        capsys.readouterr().out
    )
    words = ["demos", "import", str(tmp_path / "d"), "--out", str(tmp_path / "e")]
    assert cli.main(words) == 2
    assert f"episode 2 in {tmp_path / 'd'} has values that are not" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Nested", "Places"])
def test_what_is_laid_out_is_stored_and_read_again(name: str, tmp_path: Path) -> None:
    task = open_task(f"stranger_tasks:{name}-v0")
    rng = np.random.default_rng(0)

    def begin() -> Any:
        return lambda _: task.interface.actions.native(task.random(rng))

    kept = list(generate(task, begin, range(2), Disturbance()))
    write(tmp_path / "d", kept, task, "a test")
    for ours, again in zip(kept, load(str(tmp_path / "d"), task), strict=True):
        np.testing.assert_array_equal(again.observation, ours.observation.astype("f"))
        np.testing.assert_array_equal(again.achieved, ours.achieved_goal.astype("f"))
        native = [task.interface.actions.native(action) for action in again.action]
        np.testing.assert_allclose(native, ours.action, rtol=1e-6)
