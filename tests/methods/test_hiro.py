"""HIRO in detail: the goal transition, both levels' data, the correction, two whole updates."""

import itertools
import math
from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest

import reference
from goalrelay.errors import UsageError
from goalrelay.methods.exploration import Exploration
from goalrelay.methods.relay.guidance import Progress
from goalrelay.learners import td3
from goalrelay.learners.agent import Level
from goalrelay.methods import hiro
from goalrelay.methods.hierarchy import adjacency, high, landmarks, low, trail
from goalrelay.methods.hierarchy.cells import shifted
from goalrelay.data.relabel import Rules
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.tasks.structure import signed_permutation
from goalrelay.types import Batch, BodyFrame, Episode, Observation, Spec, Symmetry

SPEC = Spec(4, 2, 2, 2, False, 13, None, position_columns=(0, 1), subgoal_range=(5.0, 2.0))
LEARNER: Any = td3
PERIOD, K, GAMMA = 5, 2, 0.9
CONFIG = hiro.Config(period=PERIOD)
PLACES = [0, 1]


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return -np.linalg.norm(achieved - desired, axis=-1).astype(np.float32)


def episode(rng: np.random.Generator, length: int, terminal: bool = False) -> Episode:
    draw = rng.standard_normal
    seen = np.cumsum(draw((length + 1, 4)), axis=0).astype("f")
    goal = np.tile(draw(2).astype("f"), (length + 1, 1))
    decided = np.concatenate([draw((length, 2)).clip(-1, 1), 2 * draw((length, K))], axis=1)
    return Episode(seen, seen[:, :2], goal, decided.astype("f"), terminal, 0.0, 0.0)


def filled(seed: int = 0, lengths: tuple[int, ...] = (13, 7, 5, 13, 1)) -> ReplayBuffer:
    replay, rng = ReplayBuffer(SPEC, 100, K), np.random.default_rng(seed)
    episodes = [episode(rng, n, terminal=n == 7) for n in lengths]
    replay.add(episodes, [np.ones(e.length) for e in episodes])
    return replay


def linear(inputs: np.ndarray, _: Any) -> np.ndarray:
    """A low level that depends on all it sees."""
    weights = np.linspace(-1, 1, inputs.shape[-1] * 2).reshape(-1, 2).astype("f")
    return np.tanh(inputs @ weights)


RULES = Rules(SPEC, reward, lambda *_: np.zeros(0, bool), GAMMA, below=linear)


def rows(replay: ReplayBuffer) -> list[tuple[int, int, int, bool]]:
    """Row, time, length of the episode and whether the task ended it, for every step."""
    steps = zip(*replay.steps(), strict=True)
    return [(int(row), int(time), int(n), bool(ended)) for row, time, n, ended in steps]


# --- who decides ---


def constant(value: list[float]) -> Any:
    return lambda _, __: np.array(value, np.float32)


def walk(steps: int) -> list[Observation]:
    rng = np.random.default_rng(3)
    goal = np.array([3.0, 4.0], "f")
    seen = [rng.standard_normal(4).astype("f") for _ in range(steps)]
    return [Observation(x, x[:2], goal) for x in seen]


def test_a_sub_goal_keeps_its_place_for_a_period() -> None:
    act = hiro.play(CONFIG, SPEC, (constant([0.5, -0.5]), constant([0.2, -1.0])))
    path = walk(12)
    decided = np.stack([act(moment) for moment in path])
    np.testing.assert_array_equal(decided[:, :2], np.tile([0.5, -0.5], (12, 1)))
    place = np.stack([m.observation[PLACES] for m in path]) + decided[:, 2:]
    for first in (0, 5, 10):
        wanted = path[first].observation[PLACES] + np.array([0.2 * 5.0, -1.0 * 2.0])
        np.testing.assert_allclose(
            place[first : first + 5], wanted[None] + 0 * place[first : first + 5], atol=1e-5
        )


def test_each_level_sees_what_it_should() -> None:
    told: dict[str, np.ndarray] = {}

    def note(name: str, value: list[float]) -> Any:
        def network(inputs: np.ndarray, rng: Any) -> np.ndarray:
            told[name] = inputs
            return np.array(value, np.float32)

        return network

    act = hiro.play(CONFIG, SPEC, (note("low", [0, 0]), note("high", [1, 1])))
    (moment,) = walk(1)
    act(moment)
    np.testing.assert_array_equal(told["high"], [*moment.observation, *moment.desired])
    np.testing.assert_array_equal(told["low"], [*moment.observation[2:], 5.0, 2.0])
    shown = hiro.Config(period=PERIOD, hide=False)
    hiro.play(shown, SPEC, (note("low", [0, 0]), note("high", [1, 1])))(moment)
    np.testing.assert_array_equal(told["low"], [*moment.observation, 5.0, 2.0])
    assert (low.input_size(CONFIG, SPEC), low.input_size(shown, SPEC)) == (4, 6)
    assert high.input_size(CONFIG, SPEC) == 6


def drawn_subgoals(config: hiro.Config, random: bool = False) -> np.ndarray:
    network = (constant([0, 0]), constant([0, 0]))
    rng = np.random.default_rng(1)
    act = hiro.begin(config, SPEC, network, Progress(1, 0.0, random=random), rng)
    (moment,) = walk(1)
    return np.stack([act(moment) for _ in range(6000)])


def test_noise_on_sub_goals_is_in_their_units_and_within_reach() -> None:
    still = Exploration(noise=0.3, random=0.0)
    config = hiro.Config(period=1, subgoal_noise=(0.1, 0.05), exploration=still)
    decided = drawn_subgoals(config)
    np.testing.assert_allclose(decided[:, 2:].std(axis=0), [0.5, 0.1], rtol=0.05)
    np.testing.assert_allclose(decided[:, :2].std(axis=0), 0.3, rtol=0.05)
    wild = drawn_subgoals(hiro.Config(period=1, subgoal_noise=(10.0,), exploration=still))
    np.testing.assert_allclose(np.abs(wild[:, 2:]).max(axis=0), [5.0, 2.0])


def test_persistent_noise_has_the_same_deviation_and_is_correlated() -> None:
    still = Exploration(random=0.0)
    config = hiro.Config(period=1, subgoal_noise=(0.04,), persistence=0.8, exploration=still)
    found = drawn_subgoals(config)[:, 2]
    assert found.std() == pytest.approx(0.2, rel=0.1)
    assert np.corrcoef(found[:-1], found[1:])[0, 1] == pytest.approx(0.8, abs=0.05)
    config = hiro.Config(period=1, subgoal_noise=(0.04,), exploration=still)
    fresh = drawn_subgoals(config)[:, 2]
    assert np.corrcoef(fresh[:-1], fresh[1:])[0, 1] == pytest.approx(0.0, abs=0.05)


def test_random_steps_are_uniform_on_both_levels() -> None:
    decided = drawn_subgoals(hiro.Config(period=1), random=True)
    limits = np.array([1, 1, 5, 2])
    np.testing.assert_allclose(decided.std(axis=0), limits / np.sqrt(3), rtol=0.05)
    assert (np.abs(decided) <= limits).all()


def test_a_share_of_episodes_is_led_somewhere_and_wanders_on_from_there() -> None:
    config = hiro.Config(
        period=1, subgoal_noise=(0.3,), wander=0.5, exploration=Exploration(random=0.1)
    )
    led, first = [], []
    for seed in range(400):
        rng, network = np.random.default_rng(seed), (constant([0, 0]), constant([0.5, 0.5]))
        act = hiro.begin(config, SPEC, network, Progress(1, 0.0), rng)
        decided = np.stack([act(moment) for moment in walk(SPEC.horizon)])[:, 2:]
        by_plan = (decided == [2.5, 1.0]).all(axis=1)  # the others have noise at every moment
        assert (np.diff(by_plan.astype(int)) <= 0).all()  # it does not come back
        led.append(int(by_plan.sum()))
        if by_plan[0]:
            first.append(decided[led[-1], 0])
    share = 0.5 * (1 - 1 / SPEC.horizon)  # some are lost at once
    assert np.mean(np.array(led) > 0) == pytest.approx(share, abs=0.08)
    assert set(led) == set(range(SPEC.horizon))  # any moment
    assert np.mean(np.abs(first) == 5) == pytest.approx(0.32, abs=0.08)  # beyond one deviation


# --- the low level's data ---


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("bootstrap", ["kept", "next"])
def test_the_low_level_is_rewarded_for_getting_to_its_sub_goal(
    bootstrap: Any, shaped: bool
) -> None:
    replay = filled()
    config = hiro.Config(period=PERIOD, bootstrap=bootstrap, shaped=shaped)
    batch, figures = low.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    expected = {}
    for row, time, length, ended in rows(replay):
        seen, after = replay.observation[row], replay.observation[row + 1]
        goal = replay.action[row, 2:]
        last = time + 1 == length
        kept = bootstrap == "kept" or last
        follows = seen[:2] + goal - after[:2] if kept else replay.action[row + 1, 2:]
        missed, over = math.dist(seen[:2] + goal, after[:2]), last and ended
        ever = -missed / (1 - GAMMA) if over else -missed  # at the end one stays where one is
        before, ahead = (-math.hypot(*g) / (1 - GAMMA) for g in (goal, follows))
        shaped_reward = (1 - GAMMA) * (ever - before + (0 if over else GAMMA * ahead))
        expected[seen.tobytes()] = (
            [*seen[2:], *goal],
            replay.action[row, :2],
            shaped_reward if shaped else ever,
            0.0 if over else GAMMA,
            [*after[2:], *follows],
        )
    by_view = {tuple(np.array(v[0], "f").tolist()): v for v in expected.values()}
    inputs = batch.inputs.reshape(-1, 4)
    for i, key in enumerate(map(tuple, inputs.tolist())):
        for got, want in zip(flat(batch, i), by_view[key], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert len(set(map(tuple, inputs))) == len(by_view)  # every step was drawn
    missed = -np.where(batch.discount > 0, batch.reward, (1 - GAMMA) * batch.reward)
    if not shaped:
        assert figures["missed"] == pytest.approx(missed.mean(), rel=1e-5)


def test_the_shaped_reward_is_the_way_gained() -> None:
    replay, config = filled(), hiro.Config(period=PERIOD, shaped=True)
    batch, _ = low.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    before, after = (np.linalg.norm(x[..., 2:], axis=-1) for x in (batch.inputs, batch.next_inputs))
    np.testing.assert_allclose(batch.reward, before - after, atol=1e-4)


def flat(batch: Batch, i: int) -> tuple[Any, ...]:
    fields = (batch.inputs, batch.action, batch.reward, batch.discount, batch.next_inputs)
    return tuple(np.asarray(x).reshape(-1, *x.shape[2:])[i] for x in fields)


def test_the_low_level_learns_from_each_image_alike() -> None:
    keep = signed_permutation(2)
    mirrors = (
        Symmetry(
            "left",
            signed_permutation(4, flip=(0, 3)),
            signed_permutation(2, flip=(0,)),
            signed_permutation(2, flip=(1,)),
        ),
        Symmetry(
            "swap",
            signed_permutation(4, swap=((0, 1),)),
            signed_permutation(2, swap=((0, 1),)),
            keep,
        ),
    )
    spec = SPEC._replace(body=BodyFrame((0, 1, 2, 3), (), mirrors), subgoal_range=(3.0, 3.0))
    replay, rules, shape = filled(), RULES._replace(spec=spec), (40, 100)

    def drawn(**options: Any) -> Batch:
        config = hiro.Config(period=PERIOD, hindsight=0.5, shaped=True, **options)
        return low.sample(config, rules, replay, shape, np.random.default_rng(0))[0]

    straight, mixed = drawn(), drawn(mirrored=True)
    np.testing.assert_array_equal(straight.reward, mixed.reward)
    inputs = np.array([1, -1, 1, 1.0]), np.array([1, 1, -1, 1.0])  # columns 2, 3, and the sub-goal
    seen = Counter()
    for row in np.ndindex(shape):
        for flip, swap in itertools.product((False, True), repeat=2):
            images = []
            for told in (straight.inputs[row], straight.next_inputs[row]):
                told = told * inputs[0] * inputs[1] if flip else told
                images.append(told[[0, 1, 3, 2]] if swap else told)
            action = straight.action[row] * ([1, -1] if flip else [1, 1])
            images.append(action)
            found = mixed.inputs[row], mixed.next_inputs[row], mixed.action[row]
            if all(np.array_equal(*pair) for pair in zip(images, found, strict=True)):
                seen[flip, swap] += 1
    assert len(seen) == 4 and sum(seen.values()) == 4000 and min(seen.values()) > 900
    shown = drawn(mirrored=True, hide=False)
    np.testing.assert_array_equal(shown.inputs, drawn(hide=False).inputs)  # the room is no mirror


def test_the_low_level_may_have_a_discount_of_its_own() -> None:
    replay, config = filled(), hiro.Config(period=PERIOD, low_gamma=0.5)
    batch, _ = low.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    assert set(np.unique(batch.discount)) == {0.0, 0.5}


def test_hindsight_sub_goals_were_reached_within_the_period() -> None:
    replay = filled()
    config = hiro.Config(period=PERIOD, hindsight=1.0)
    batch, _ = low.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    known = {tuple(replay.observation[r, 2:]): (r, t, n) for r, t, n, _ in rows(replay)}
    ahead = set()
    for i in range(2000):
        inputs, _, gained, _, after = flat(batch, i)
        row, time, length = known[tuple(inputs[:2])]
        place = replay.observation[row, :2] + inputs[2:]
        until = min(time - time % PERIOD + PERIOD, length)
        later = replay.observation[row + 1 : row + 1 + until - time, :2]
        gaps = np.linalg.norm(later - place, axis=1)
        assert gaps.min() < 1e-4
        ahead.add(int(gaps.argmin()))
        next_place = replay.observation[row + 1, :2] + after[2:]
        np.testing.assert_allclose(next_place, place, atol=1e-4)  # and stays there
        assert gained == pytest.approx(
            -np.linalg.norm(replay.observation[row + 1, :2] - place), abs=1e-4
        )
    assert ahead == set(range(PERIOD))


def test_the_share_of_hindsight() -> None:
    replay = filled()
    config = hiro.Config(period=PERIOD, hindsight=0.25)
    batch, _ = low.sample(config, RULES, replay, (100, 100), np.random.default_rng(0))
    set_ = {(*replay.observation[r, 2:], *replay.action[r, 2:]) for r, *_ in rows(replay)}
    share = np.mean([tuple(x) not in set_ for x in batch.inputs.reshape(-1, 4)])
    assert share == pytest.approx(0.25, abs=0.02)


# --- the high level's data ---


def test_a_period_is_one_step_of_the_high_level() -> None:
    replay = filled()
    config = hiro.Config(period=PERIOD, correction="none", reward_scale=0.1)
    batch, figures = high.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    expected = {}
    for row, time, length, ended in rows(replay):
        if time % PERIOD:
            continue
        end = min(time + PERIOD, length)
        steps = range(row, row + end - time)
        goal = replay.desired[row]
        seen, after = replay.observation[row], replay.observation[row + end - time]
        gained = sum(float(reward(replay.observation[s + 1, :2], goal)) for s in steps)
        expected[tuple(seen)] = (
            [*seen, *goal],
            (replay.action[row, 2:] / [5.0, 2.0]).clip(-1, 1),
            0.1 * gained,
            0.0 if ended and end == length else GAMMA,
            [*after, *goal],
        )
    keys = [tuple(x) for x in batch.inputs.reshape(-1, 6)[:, :4]]
    for i, key in enumerate(keys):
        for got, want in zip(flat(batch, i), expected[key], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    assert set(keys) == set(expected)
    assert figures["corrected"] == 0


@pytest.mark.parametrize(
    ("task", "sums"), [(None, None), ((-1.0, 0.0), (-2.5, 0.0)), ((0.5, 2.0), (0.0, 5.0))]
)
def test_the_high_levels_returns_are_bounded_where_the_tasks_rewards_are(
    task: Any, sums: Any
) -> None:
    config = hiro.Config(period=PERIOD, reward_scale=0.5)
    learned = high.learned(config, SPEC._replace(reward_range=task))
    assert learned.reward_range == sums
    assert low.learned(config, SPEC._replace(reward_range=task)).reward_range is None


def test_the_high_levels_hindsight_goals_were_achieved_after_the_period() -> None:
    replay = filled()
    config = hiro.Config(period=PERIOD, correction="none", reward_scale=1.0, high_hindsight=1.0)
    batch, _ = high.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    known = {tuple(replay.observation[r].tolist()): (r, t, n) for r, t, n, _ in rows(replay)}
    ahead = set()
    for i in range(2000):
        inputs, _, gained, _, after = flat(batch, i)
        row, time, length = known[tuple(inputs[:4].tolist())]
        goal, end = inputs[4:], row + min(PERIOD, length - time)
        later = replay.achieved[end : row - time + length + 1]
        (found,) = np.flatnonzero((later == goal).all(axis=1))
        ahead.add(int(found))
        np.testing.assert_array_equal(after[4:], goal)
        total = sum(float(reward(replay.achieved[s + 1], goal)) for s in range(row, end))
        assert gained == pytest.approx(total, rel=1e-4)
    assert ahead == set(range(13 - PERIOD + 1))
    mixed = hiro.Config(period=PERIOD, correction="none", high_hindsight=0.3)
    batch, _ = high.sample(mixed, RULES, replay, (40, 50), np.random.default_rng(0))
    asked = {tuple(goal.tolist()) for goal in replay.desired}
    old = np.mean([tuple(x[4:].tolist()) in asked for x in batch.inputs.reshape(-1, 6)])
    assert old == pytest.approx(0.7, abs=0.04)


def test_the_high_levels_actual_goals_were_desired_at_other_steps() -> None:
    replay = filled()
    config = hiro.Config(period=PERIOD, correction="none", reward_scale=1.0, actual=1.0)
    batch, _ = high.sample(config, RULES, replay, (40, 50), np.random.default_rng(0))
    known = {tuple(replay.observation[r].tolist()): (r, t, n) for r, t, n, _ in rows(replay)}
    asked = {tuple(replay.desired[row].tolist()) for row, *_ in rows(replay)}
    drawn, own = set(), 0
    for i in range(2000):
        inputs, _, gained, _, after = flat(batch, i)
        row, time, length = known[tuple(inputs[:4].tolist())]
        goal, end = inputs[4:], row + min(PERIOD, length - time)
        drawn.add(tuple(goal.tolist()))
        own += tuple(goal.tolist()) == tuple(replay.desired[row].tolist())
        np.testing.assert_array_equal(after[4:], goal)
        total = sum(float(reward(replay.achieved[s + 1], goal)) for s in range(row, end))
        assert gained == pytest.approx(total, rel=1e-4)
    assert drawn == asked
    assert own < 2000 / len(asked) * 2


def test_random_sub_goals_come_in_their_share() -> None:
    config = hiro.Config(period=1, subgoal_noise=(0.0,), exploration=Exploration(random=0.25))
    drawn = drawn_subgoals(config)[:, 2:]
    assert (drawn != 0).any(axis=1).mean() == pytest.approx(0.25, abs=0.02)
    assert np.abs(drawn).max(axis=0) == pytest.approx([5.0, 2.0], rel=0.05)


# --- sub-goals within reach ---


def nearest_by_loops(
    config: hiro.Config, replay: ReplayBuffer, row: int, wanted: np.ndarray
) -> Any:
    """The adjacent place nearest to one sub-goal, and whether that is in another cell."""
    cell = adjacency.CELL * np.array([5.0, 2.0], np.float32)
    places = replay.observation[:, PLACES] / cell
    rng = np.random.default_rng(1)
    index = replay.sample(adjacency.MOMENTS, rng)
    left = np.minimum(config.period, index.length - index.time)
    after = index.row + rng.integers(1, left + 1)
    here = np.floor(places[row])
    came = [after[i] for i, r in enumerate(index.row) if (np.floor(places[r]) == here).all()]
    if not came:
        return None
    there = places[row] + wanted / adjacency.CELL
    came = [places[r] for r in came[: adjacency.NEIGHBOURS]]
    found = min(came, key=lambda place: np.linalg.norm(place - there))
    far = (np.floor(found) != np.floor(there)).any()
    return (found - places[row]) * adjacency.CELL, far


def test_sub_goals_are_drawn_to_the_nearest_place_that_a_period_can_come_to() -> None:
    replay, config = filled(), hiro.Config(period=PERIOD, adjacency=3.0)
    rng = np.random.default_rng(0)
    start = np.array([row for row, *_ in rows(replay)])
    wanted = rng.uniform(-1, 1, (len(start), K)).astype("f")
    wanted[::3] *= 0.01  # where one is, is adjacent, or near to what is
    pull = adjacency.pull(config, SPEC, replay, start, wanted, np.random.default_rng(1))
    for i, row in enumerate(start):
        target, far = nearest_by_loops(config, replay, row, wanted[i])
        np.testing.assert_allclose(pull.action[i], target.clip(-1, 1), atol=1e-4)
        assert pull.weight[i] == 3.0 * far
    assert 0 < (pull.weight > 0).mean() < 1


def test_where_nobody_was_sub_goals_are_free() -> None:
    replay, config = filled(lengths=(13,)), hiro.Config(period=13, adjacency=3.0)
    replay.observation[13] += 1000.0  # where the episode ends no step begins
    drawn = (np.array([13]), np.zeros((1, K), "f"), np.random.default_rng(1))
    assert adjacency.pull(config, SPEC, replay, *drawn).weight == 0


def test_the_high_levels_actor_is_drawn_to_its_own_policys_places() -> None:
    replay = filled()
    rules = RULES._replace(own=lambda inputs, _: np.ones((*inputs.shape[:-1], K), "f"))
    config = hiro.Config(period=PERIOD, correction="none", adjacency=3.0)
    batch, figures = high.sample(config, rules, replay, (4, 50), np.random.default_rng(0))
    assert batch.pull is not None
    assert batch.pull.action.shape == (4, 50, K)
    assert batch.pull.weight.shape == (4, 50)
    assert figures["far"] == (batch.pull.weight > 0).mean() > 0
    free, figures = high.sample(
        config := hiro.Config(period=PERIOD, correction="none"), rules, replay, (4, 50),
        np.random.default_rng(0),
    )  # fmt: skip
    assert free.pull is None
    assert np.isnan(figures["far"])


# --- ways that promise to be quick ---

Cell = tuple[int, ...]
Node = tuple[Cell, Cell | None]
REACH = np.array([5.0, 2.0], np.float32)


def by_loops(replay: ReplayBuffer, period: int) -> dict[int, np.ndarray]:
    """The last two crumbs at each row, for all moments of all episodes."""
    came = {}
    for row, time, length, _ in rows(replay):
        if time:
            continue
        crumbs = [replay.observation[row, PLACES] / REACH] * 2
        for t in range(length + 1):
            here = replay.observation[row + t, PLACES] / REACH
            if t % period == 0 and np.linalg.norm(here - crumbs[-1]) >= trail.STRIDE:
                crumbs.append(here)
            came[row + t] = np.concatenate(crumbs[-2:])
    return came


class Room:
    """The cells of a replay by loops: where they are, and how many tries a step takes.

    A node is a cell and what is remembered, in cells of the stride; None where that is forgotten.
    """

    def __init__(self, config: hiro.Config, replay: ReplayBuffer, start: Any, desired: np.ndarray):
        rng = np.random.default_rng(1)
        index = replay.sample(landmarks.MOMENTS, rng)
        later = rng.integers(1, np.minimum(config.period, index.length - index.time) + 1)
        self.places = replay.observation[:, PLACES] / REACH
        self.came = by_loops(replay, config.period)
        moments = list(zip(index.row, index.row + later, strict=True))
        asked = [self.places[row] for row in {r for pair in moments for r in pair} | {*start}]
        asked += [goal / REACH for goal in desired]
        sides = (np.max(asked, axis=0) - np.min(asked, axis=0)) / landmarks.CELL + 3
        larger = max(1.0, math.sqrt(sides[0] * sides[1] / landmarks.MOST_CELLS))
        self.side = larger * landmarks.CELL
        self.low = np.floor(np.min(asked, axis=0) / self.side).astype(int) - 1
        self.high = np.floor(np.max(asked, axis=0) / self.side).astype(int) + 1
        self.seen: dict[Cell, list[np.ndarray]] = {}
        self.led, self.moments = Counter(), Counter()
        self.heads: dict[Node, set[Node]] = {}
        for pair in moments:
            for remembers in (True, False):
                tail, head = (self.node(row, remembers) for row in pair)
                self.moments[tail] += 1
                self.led[tail, head] += 1
                self.heads.setdefault(tail, set()).add(head)
            for row in pair:
                self.seen.setdefault(self.node(row)[0], []).append(self.places[row] / self.side)
        self.weight = replay.transitions / landmarks.MOMENTS
        self.nodes = {self.node(row) for pair in moments for row in pair}
        self.nodes |= {self.node(row) for row in start}

    def of(self, place: np.ndarray, side: float | None = None) -> Cell:
        return tuple(np.floor(place / (side or self.side)).astype(int).tolist())

    def node(self, row: int, remembers: bool = True) -> Node:
        memory = self.of(self.came[row] + trail.STRIDE / 2, trail.STRIDE) if remembers else None
        return self.of(self.places[row]), memory

    def middle(self, cell: Cell) -> np.ndarray:
        return np.mean(self.seen[cell], axis=0) if cell in self.seen else np.add(cell, 0.5)

    def steps(self, tail: Node) -> dict[Node, float]:
        """Tries to neighbours and to where one came from here, as remembered or not."""
        cell, memory = tail
        asked = self.weight * self.moments[tail]
        if memory is not None:
            known = {n: self.weight * self.led[tail, n] for n in self.heads.get(tail, ())}
            asked += landmarks.TRUST + 1
            tries = {n: asked / led for n, led in known.items()}
            forgetful = self.steps((cell, None)).items()
            return tries | {n: asked / (landmarks.TRUST / t + 1) for n, t in forgetful}
        near = {(cell[0] + x, cell[1] + y) for x in (-1, 0, 1) for y in (-1, 0, 1)}
        inside = {(c, None) for c in near if (self.low <= c).all() and (c <= self.high).all()}
        heads = inside | self.heads.get(tail, set())
        return {n: (asked + 1) / (self.weight * self.led[tail, n] + 1) for n in heads}

    def ahead(self, row: int, goal: Cell, away: dict[Node, float]) -> set[Cell]:
        """The cells some cells along the quickest ways."""
        going, ends = {(self.node(row), landmarks.AHEAD)}, set()
        for _ in range(2 * landmarks.AHEAD):
            further = set()
            for node, left in going:
                if node[0] == goal or not left:
                    ends.add(node[0])
                    continue
                long = {n: tries + away[n] for n, tries in self.steps(node).items() if n != node}
                for n in long:
                    if long[n] < min(long.values()) + 1e-6:
                        further.add((n, left - (n[0] != node[0])))
            going = further
        return ends | {node[0] for node, _ in going}

    def away(self, goal: Cell) -> dict[Node, float]:
        """Tries from each node to a cell, by relaxing every step until nothing changes."""
        box = (range(a, b + 1) for a, b in zip(self.low, self.high, strict=True))
        nodes = [*self.nodes, *((cell, None) for cell in itertools.product(*box))]
        away = {node: 0.0 if node[0] == goal else math.inf for node in nodes}
        steps = {node: self.steps(node) for node in nodes if node[0] != goal}
        before: dict[Node, float] = {}
        while before != away:
            before = dict(away)
            for tail, tries in steps.items():
                away[tail] = min(away[tail], *(t + away[n] for n, t in tries.items()))
        return away


@pytest.mark.parametrize("far", [0.0, 60.0])
def test_sub_goals_are_drawn_along_the_way_that_takes_the_fewest_tries(
    far: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarks, "MOMENTS", 300)
    monkeypatch.setattr(landmarks, "MOST_CELLS", 400)
    replay, config = filled(lengths=(13, 7, 5)), hiro.Config(period=2, landmarks=3.0)
    start = replay.steps()
    desired = np.tile(replay.achieved[start.row[[3, 20]]], (len(start.row) // 2 + 1, 1))
    desired = desired[: len(start.row)]
    desired[-1] += far  # nobody was there
    pull = landmarks.pull(config, SPEC, replay, start, desired, np.random.default_rng(1))
    room = Room(config, replay, start.row, desired)
    assert (room.side > landmarks.CELL) == (far > 0)  # a room too large for small cells
    away = {goal: room.away(goal) for goal in {room.of(d / REACH) for d in desired}}
    ends = 0
    for i, row in enumerate(start.row):
        here, there = room.places[row], desired[i] / REACH
        goal = room.of(there)
        cells = room.ahead(row, goal, away[goal])  # several where ways are equally quick
        ends += goal in cells
        wanted = [there if c == goal else room.middle(c) * room.side for c in cells]
        gaps = [np.abs(pull.action[i] - (w - here).clip(-1, 1)).max() for w in wanted]
        assert min(gaps) < 1e-4
    assert (pull.weight == 3.0).all()
    assert 0 < ends < len(start.row)


@pytest.mark.parametrize("period", [1, 2, 5])
def test_what_is_remembered_are_the_last_two_crumbs(period: int) -> None:
    replay = filled(lengths=(13,) * 7)
    index = replay.steps()
    expected = by_loops(replay, period)
    for steps in (index, shifted(index, np.ones(len(index.row), np.int64))):
        came = trail.came_from(period, replay, PLACES, REACH, steps)
        np.testing.assert_allclose(came, [expected[row] for row in steps.row], atol=1e-6)
    assert len({tuple(place) for place in expected.values()}) > 7


def test_the_high_level_is_drawn_toward_goals_in_hindsight_too() -> None:
    replay = filled(lengths=(13,))
    config = hiro.Config(period=2, correction="none", landmarks=3.0, high_hindsight=1.0)
    batch, _ = high.sample(config, RULES, replay, (4, 50), np.random.default_rng(0))
    assert batch.pull is not None
    assert batch.pull.action.shape == (4, 50, K)
    near = np.abs(batch.inputs[..., PLACES] - batch.inputs[..., 4:]) < 0.1 * np.array([5.0, 2.0])
    toward = (batch.inputs[..., 4:] - batch.inputs[..., PLACES]) / [5.0, 2.0]
    same = near.all(axis=-1)
    np.testing.assert_allclose(batch.pull.action[same], toward[same], atol=1e-4)


def test_without_a_goal_in_the_room_there_are_no_landmarks() -> None:
    config = hiro.Config(landmarks=3.0)
    assert landmarks.known(config, SPEC)
    assert not landmarks.known(config, SPEC._replace(goal_size=0))
    assert not landmarks.known(
        hiro.Config(landmarks=3.0, columns=(2, 3), subgoal_range=(1.0,)), SPEC
    )
    assert not landmarks.known(hiro.Config(), SPEC)


# --- the correction ---


def corrected(config: hiro.Config, replay: ReplayBuffer, rules: Rules, seed: int = 0) -> Any:
    """Corrected sub-goals [B, K] of all periods, and their rows and lengths."""
    whole = [(r, min(PERIOD, n - t)) for r, t, n, _ in rows(replay) if t % PERIOD == 0]
    begin, length = (np.array(x) for x in zip(*whole, strict=True))
    steps = begin[:, None] + np.minimum(np.arange(PERIOD), length[:, None] - 1)
    within = np.arange(PERIOD) < length[:, None]
    rng = np.random.default_rng(seed)
    return high.correct(config, rules, replay, steps, within, rng), begin, length


def log_likelihood(replay: ReplayBuffer, row: int, length: int, subgoal: np.ndarray) -> float:
    """Of what was done, had this been the sub-goal: HIRO's equation, step by step."""
    total, goal = 0.0, np.array(subgoal, float)
    for step in range(row, row + length):
        inputs = np.concatenate([replay.observation[step, 2:], goal]).astype("f")
        total -= 0.5 * float(((replay.action[step, :2] - linear(inputs, None)) ** 2).sum())
        goal = replay.observation[step, :2] + goal - replay.observation[step + 1, :2]
    return total


@pytest.mark.parametrize("at_once", [100_000, 60])
def test_the_correction_agrees_with_brute_force(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(high, "ROWS", at_once)
    replay = filled()
    config = hiro.Config(period=PERIOD, candidates=8, candidate_noise=0.5)
    found, begin, length = corrected(config, replay, RULES)
    places = replay.observation[:, :2]
    change = places[begin + length] - places[begin]
    drawn = np.random.default_rng(0).standard_normal((8, *change.shape), np.float32)
    chosen = set()
    for i, (row, n) in enumerate(zip(begin, length, strict=True)):
        candidates = [replay.action[row, 2:], change[i]]
        candidates += [change[i] + 0.5 * np.array([5.0, 2.0]) * d[i] for d in drawn]
        candidates = [np.clip(c, [-5, -2], [5, 2]) for c in candidates]
        scores = [log_likelihood(replay, row, n, c) for c in candidates]
        best = int(np.argmax(scores))
        chosen.add(best)
        np.testing.assert_allclose(found[i], candidates[best], rtol=1e-4, atol=1e-5)
    assert len(chosen) > 2


def test_the_correction_finds_what_a_changed_low_level_would_have_been_told() -> None:
    """A toy chain: the low level went half of the way a step; today's goes a quarter."""
    rng = np.random.default_rng(5)
    spec = Spec(2, 1, 1, 1, False, PERIOD, None, position_columns=(0,), subgoal_range=(4.0,))
    replay = ReplayBuffer(spec, 400, 1)
    for _ in range(60):
        told, place = rng.uniform(-0.9, 0.9), rng.uniform(-1, 1)
        seen, decided = [[place, 0.0]], []
        for _ in range(PERIOD):
            action = 0.5 * told
            decided.append([action, told])
            place, told = place + 0.1 * action, told - 0.1 * action
            seen.append([place, 0.0])
        seen_ = np.array(seen, "f")
        goal = np.zeros((PERIOD + 1, 1), "f")
        e = Episode(seen_, seen_[:, :1], goal, np.array(decided, "f"), False, 0.0, 0.0)
        replay.add([e], [np.ones(PERIOD)])
    rules = Rules(spec, reward, lambda *_: np.zeros(0, bool), GAMMA)
    rules = rules._replace(below=lambda inputs, _: 0.25 * inputs[..., 1:])
    config = hiro.Config(period=PERIOD, candidates=400, candidate_noise=0.5)
    begin = np.arange(60) * (PERIOD + 1)
    steps = begin[:, None] + np.arange(PERIOD)
    found = high.correct(config, rules, replay, steps, np.ones(steps.shape, bool), rng)
    # The least squares solution of 0.25 (g - moved_i) = a_i, i = 0 .. c - 1:
    moved = replay.observation[steps, 0] - replay.observation[begin, 0][:, None]
    best = (replay.action[steps, 0] / 0.25 + moved).mean(axis=1)
    np.testing.assert_allclose(found[:, 0], best, atol=0.1)
    told = replay.action[begin, 1]
    assert np.abs(best - told).mean() > 0.3  # what was told is not what it means today


# --- whole updates ---


def test_an_update_of_both_levels_equals_numpy() -> None:
    """Sampling and correction as above, then TD3 in float64 (tests/reference.py)."""
    replay = filled()
    learner = td3.Config(
        hidden=(8, 8), batch_size=16, delay=2, gamma=GAMMA, normalize=False, polyak=0.9,
        target_move="update", action_l2=0.0, init="fan_in", clip_return=False,
    )  # fmt: skip
    for number, part in enumerate(hiro.PARTS):
        level = Level(part, CONFIG, LEARNER, learner, SPEC, jax.random.key(number))
        expected: Any = reference.Td3(level.state, learner)
        batches, _ = part.sample(CONFIG, RULES, replay, (4, 16), np.random.default_rng(1))
        key = jax.random.key(9)
        state, metrics = level.update(level.state, batches, key)
        for pair, pair_key in enumerate(jax.random.split(key, 2)):
            for j, step_key in enumerate(jax.random.split(pair_key, 2)):
                i = 2 * pair + j
                draw = np.asarray(jax.random.normal(step_key, batches.action[i].shape), float)
                fields = (np.asarray(x[i], float) for x in batches[:5])
                expected.critic_step(*fields, noise=draw)
            expected.actor_step(np.asarray(batches.inputs[2 * pair + 1], float))
            expected.move_targets()
        for got, want in (
            (state.actor, expected.actor),
            *zip(state.critics, expected.critics, strict=True),
        ):
            for x, y in zip((*got.weights, *got.biases), want.parameters(), strict=True):
                np.testing.assert_allclose(x, y, rtol=2e-3, atol=2e-5)
        assert set(metrics) == {f"{part.name}{m}" for m in td3.METRICS}


# --- refusals ---


@pytest.mark.parametrize(
    ("options", "spec", "words"),
    [
        (
            {},
            SPEC._replace(position_columns=(), subgoal_range=()),
            "does not declare where in the room",
        ),
        ({"columns": (0, 4), "reach": (1.0,)}, SPEC, "columns of the observation, 0 to 3"),
        ({"columns": (1, 1), "reach": (1.0,)}, SPEC, "names a column twice"),
        ({"columns": (2,)}, SPEC, "--method.columns needs --method.reach"),
        (
            {"columns": (0, 1, 2, 3), "reach": (1.0,), "adjacency": 1.0},
            SPEC,
            "--method.adjacency is for sub-goals in up to 3 columns, not 4",
        ),
        (
            {"adjacency": 1.0, "landmarks": 1.0},
            SPEC,
            "--method.adjacency needs --method.landmarks 0",
        ),
        ({"reach": (1.0, 2.0, 3.0)}, SPEC, "--method.reach takes one positive number, or one"),
        ({"reach": (0.0,)}, SPEC, "--method.reach takes one positive"),
        ({"subgoal_noise": (1.0, -1.0)}, SPEC, "--method.subgoal-noise takes one"),
        ({}, SPEC._replace(discrete=True), "needs continuous actions"),
    ],
)
def test_what_does_not_fit_is_refused(options: Any, spec: Spec, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        hiro.check(hiro.Config(**options), RULES._replace(spec=spec))


def test_every_preset_fits_its_tasks() -> None:
    ant = SPEC._replace(observation_size=30, action_size=8)
    for name, preset in hiro.PRESETS.items():
        options = {k[7:]: v for k, v in preset.settings.items() if k.startswith("method.")}
        options = {k: v for k, v in options.items() if "." not in k}
        config = hiro.Config(**options)
        hiro.check(config, RULES._replace(spec=ant))
        assert low.input_size(config, ant) == 28 + (15 if name == "hiro-paper" else 2)
