"""What has worked, against loops over every moment."""

from collections import defaultdict

import numpy as np
import pytest

from goalrelay.methods import hiro
from goalrelay.methods.hierarchy import high, landmarks, proven
from goalrelay.data.relabel import Rules
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.types import Episode, Steps, Spec

SPEC = Spec(4, 2, 2, 2, False, 40, (-1.0, 0.0), position_columns=(0, 1), subgoal_range=(5.0, 2.0))
REACH = np.array([5.0, 2.0])
PERIOD, GAMMA, NEAR = 3, 0.9, 1.5
CONFIG = hiro.Config(period=PERIOD, landmarks=3.0, proven=True, correction="none")


def near(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(achieved - desired, axis=-1) < NEAR).astype("f") - 1


RULES = Rules(SPEC, near, lambda *_: np.zeros(0, bool), GAMMA)


@pytest.fixture
def replay() -> ReplayBuffer:
    """Walks toward two goals; some end there, some come by, some do not."""
    rng, replay = np.random.default_rng(0), ReplayBuffer(SPEC, 2000, 2)
    for number in range(24):
        length = int(rng.integers(20, 41))
        goal = np.array([[4.0, 1.0], [-3.0, 2.0]][number % 2], "f")
        aim = goal if number % 3 else -goal
        walk = np.cumsum(rng.standard_normal((length + 1, 2)) * 0.2 + aim / length, axis=0)
        if number % 3 == 1:
            walk[length // 2 :] += goal - walk[-1]  # it is there at the end
        seen = np.concatenate([walk, rng.standard_normal((length + 1, 2))], axis=1).astype("f")
        desired = np.tile(goal, (length + 1, 1))
        decided = rng.standard_normal((length, 4)).astype("f")
        episode = Episode(seen, seen[:, :2], desired, decided, False, 0.0, 0.0)
        replay.add([episode], [np.ones(length)])
    return replay


def value_by_loops(replay: ReplayBuffer, row: int, time: int, length: int) -> float:
    rows = range(row - time + 1, row - time + length + 1)
    there = [near(replay.achieved[r], replay.desired[r]) == 0 for r in rows]
    if not there[-1]:
        return 0.0
    return GAMMA ** (max(1 + there.index(True) - time, 0) / PERIOD)


def led_by_loops(replay: ReplayBuffer, row: int, time: int, length: int) -> np.ndarray:
    side = landmarks.CELL * REACH
    place = replay.observation[row, :2]
    for look in range(1, proven.PERIODS + 1):
        place = replay.observation[row + min(look * PERIOD, length - time), :2]
        if np.linalg.norm((place - replay.observation[row, :2]) / side) >= proven.FAR:
            break
    return place / side


def test_worth_and_where_steps_led_agree_with_loops(replay: ReplayBuffer) -> None:
    index = replay.steps()
    steps = list(zip(index.row, index.time, index.length, strict=True))
    values = [value_by_loops(replay, *step) for step in steps]
    assert 0.1 < np.mean(np.array(values) > 0) < 0.9 and len(set(values)) > 10
    np.testing.assert_allclose(proven.worth(RULES, PERIOD, replay, index), values, rtol=1e-5)
    led = proven.went(PERIOD, replay, [0, 1], landmarks.CELL * REACH, index)
    np.testing.assert_allclose(led, [led_by_loops(replay, *s) for s in steps], rtol=1e-5)


def by_loops(replay: ReplayBuffer, index: Steps) -> dict[tuple[bytes, bytes], np.ndarray]:
    """Where each cell's best way toward each goal's cell leads, m."""
    side = landmarks.CELL * REACH
    seen = replay.transitions / len(index.row)
    ways = defaultdict(lambda: defaultdict(list))
    for row, time, length in zip(index.row, index.time, index.length, strict=True):
        cell, goal = (
            np.floor(x[:2] / side) for x in (replay.observation[row], replay.desired[row])
        )
        led = led_by_loops(replay, row, time, length)
        value = value_by_loops(replay, row, time, length)
        ways[cell.tobytes(), goal.tobytes()][np.floor(led).tobytes()].append((value, led * side))
    found = {}
    for pair, led in ways.items():
        came = sum(value > 0 for moments in led.values() for value, _ in moments)
        if seen * came < proven.ENOUGH:
            continue
        most = max(
            led.values(),
            key=lambda moments: sum(v for v, _ in moments) / (seen * len(moments) + proven.DOUBT),
        )
        found[pair] = np.mean([place for value, place in most if value], axis=0)
    return found


def test_sub_goals_are_drawn_to_where_those_went_who_came_to_the_goal(
    replay: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarks, "MOMENTS", 400)
    monkeypatch.setattr(proven, "ENOUGH", 5)
    monkeypatch.setattr(proven, "DOUBT", 3)
    start = replay.steps()
    goals = np.array([[4.0, 1.0], [-3.0, 2.0], [9.0, 9.0]], "f")  # nobody wanted the last
    desired = goals[np.arange(len(start.row)) % 3]
    pull = proven.pull(CONFIG, RULES, replay, start, desired, np.random.default_rng(1))
    found = by_loops(replay, replay.sample(400, np.random.default_rng(1)))
    side = landmarks.CELL * REACH
    for i, row in enumerate(start.row):
        here = replay.observation[row, :2]
        pair = np.floor(here / side).tobytes(), np.floor(desired[i] / side).tobytes()
        assert pull.weight[i] == (3.0 * proven.SURE if pair in found else 0.0)
        wanted = (found[pair] - here) / REACH if pair in found else np.zeros(2)
        np.testing.assert_allclose(pull.action[i], wanted.clip(-1, 1), atol=1e-5)
    assert 0.1 < (pull.weight > 0).mean() < 0.6


def test_nothing_is_proven_before_somebody_came(replay: ReplayBuffer) -> None:
    never = RULES._replace(reward=lambda achieved, _: np.full(len(achieved), -1, "f"))
    start = replay.steps()
    desired = replay.desired[start.row]
    pull = proven.pull(CONFIG, never, replay, start, desired, np.random.default_rng(1))
    assert not pull.weight.any()
    _, figures = high.sample(CONFIG, never, replay, (2, 20), np.random.default_rng(0))
    assert figures["proven"] == 0


def test_what_is_proven_stands_before_the_map(
    replay: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proven, "ENOUGH", 5)
    shape = (5, 100)

    def drawn(config: hiro.Config) -> tuple[np.ndarray, float]:
        batch, figures = high.sample(config, RULES, replay, shape, np.random.default_rng(0))
        assert batch.pull is not None
        assert set(np.unique(batch.pull.weight)) <= {3, 3 * proven.SURE}
        assert (batch.pull.weight > 3).mean() == pytest.approx(figures["proven"])
        return batch.pull.action, figures["proven"]

    mapped, none = drawn(hiro.Config(period=PERIOD, landmarks=3.0, correction="none"))
    changed, some = drawn(CONFIG)
    assert none == 0 and 0.1 < some < 0.9
    differs = (np.abs(mapped - changed) > 1e-6).any(axis=-1).mean()
    assert 0 < differs <= some


@pytest.mark.parametrize(
    ("config", "spec"),
    [
        (hiro.Config(landmarks=3.0), SPEC),
        (hiro.Config(proven=True), SPEC),
        (CONFIG, SPEC._replace(reward_range=None)),
    ],
)
def test_it_needs_a_map_and_rewards_that_say_when_one_is_there(
    config: hiro.Config, spec: Spec
) -> None:
    assert proven.known(CONFIG, SPEC)
    assert not proven.known(config, spec)
