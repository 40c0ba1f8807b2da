"""The low level's transitions: rewards for getting to sub-goals, against loops over the steps."""

import dataclasses
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_walks import (
    GAMMA,
    PLAIN,
    SPEC,
    TASK,
    C,
    drawn,
    episode,
    filled,
    plain,
    stored,
    transitions,
)

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.hierarchy.config import Config
from goalrelay.tasks.structure import signed_permutation
from goalrelay.types import Batch, BodyFrame, Episode, Spec, Symmetry


def expected(
    config: Config, buffer: ReplayBuffer, step: tuple[int, int, int, bool], subgoal: np.ndarray
) -> tuple[Any, ...]:
    """The transition of one step that was to change its position by `subgoal`, [x, y]."""
    row, time, length, ended = step
    now, after = buffer.observation[row], buffer.observation[row + 1]
    wanted = now[:2] + subgoal
    hindsight = not np.allclose(subgoal, buffer.action[row, 2:], atol=1e-5)
    last = time + 1 == length
    resampled = config.variant.subgoal_transition == "resampled" and not hindsight and not last
    following = buffer.action[row + 1, 2:] if resampled else wanted - after[:2]
    missed, gamma = math.dist(wanted, after[:2]), config.variant.low_gamma
    over = last and ended
    gained = -missed / (1 - gamma) if over else -missed  # at the end one stays where one is
    if config.variant.potential_shaping:
        before, ahead = (-math.hypot(*goal) / (1 - gamma) for goal in (subgoal, following))
        gained = (1 - gamma) * (gained - before + (0 if over else gamma * ahead))
    shown = slice(2 if config.variant.hide_position else 0, None)
    return (
        [*now[shown], *subgoal],
        buffer.action[row, :2],
        gained,
        0.0 if over else gamma,
        [*after[shown], *following],
    )


def check(config: Config, buffer: ReplayBuffer, batch: Batch) -> dict[int, Counter[str]]:
    """Hold every transition to `expected`.

    Returns:
        for each row that was drawn, where its sub-goals come from: `set`, or how many steps later
        that position was reached, before the next sub-goal was set.
    """
    steps = {tuple(buffer.observation[step[0], 2:].tolist()): step for step in stored(buffer)}
    found: dict[int, Counter[str]] = {}
    for transition in transitions(batch):
        row, time, length, _ = step = steps[tuple(transition[0][-4:-2].tolist())]
        subgoal = transition[0][-2:]
        wanted = expected(config, buffer, step, subgoal)
        for got, want in zip(transition, wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-4)
        until = min(time - time % config.subgoal_steps + config.subgoal_steps, length)
        later = buffer.observation[row + 1 : row + 1 + until - time, :2]
        gaps = np.abs(later - buffer.observation[row, :2] - subgoal).max(axis=1)
        if np.allclose(subgoal, buffer.action[row, 2:], atol=1e-5):
            source = "set"
        else:
            assert gaps.min() < 1e-4  # it was reached while the sub-goal stood
            source = str(gaps.argmin())
        found.setdefault(row, Counter())[source] += 1
    return found


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("transition", ["fixed", "resampled"])
def test_the_low_level_is_rewarded_for_getting_to_its_sub_goal(
    transition: Any, shaped: bool
) -> None:
    buffer = filled()
    config = plain(subgoal_transition=transition, potential_shaping=shaped)
    batch, figures = drawn(0, config, buffer)
    found = check(config, buffer, batch)
    assert set(found) == {row for row, *_ in stored(buffer)}  # every step was drawn
    assert all(set(sources) == {"set"} for sources in found.values())
    missed = -np.where(batch.discount > 0, batch.reward, (1 - GAMMA) * batch.reward)
    if not shaped:
        assert figures["low_level_distance"] == pytest.approx(missed.mean(), rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    lengths=st.lists(st.tuples(st.integers(1, 13), st.booleans()), min_size=1, max_size=6),
    subgoal_steps=st.integers(1, 15),
    hindsight=st.sampled_from([0.0, 0.5, 1.0]),
    transition=st.sampled_from(["fixed", "resampled"]),
    shaped=st.booleans(),
    hide=st.booleans(),
    gamma=st.sampled_from([0.5, 0.9]),
)
def test_transitions_agree_with_a_loop_over_steps(
    seed: int,
    lengths: list[tuple[int, bool]],
    subgoal_steps: int,
    hindsight: float,
    transition: str,
    shaped: bool,
    hide: bool,
    gamma: float,
) -> None:
    buffer, rng = ReplayBuffer(SPEC, 100, 2), np.random.default_rng(seed)
    buffer.add([episode(rng, length, terminal) for length, terminal in lengths])
    config = plain(
        subgoal_steps=subgoal_steps,
        hindsight=hindsight,
        subgoal_transition=transition,
        potential_shaping=shaped,
        hide_position=hide,
        low_gamma=gamma,
    )
    batch, figures = drawn(0, config, buffer, shape=(3, 20), seed=seed)
    counts = sum(check(config, buffer, batch).values(), Counter[str]())
    if hindsight == 0:
        assert set(counts) == {"set"}
    if hindsight == 1:
        assert "set" not in counts
        assert math.isnan(figures["low_level_distance"])


def straight_walk(terminal: bool, subgoals: list[float]) -> ReplayBuffer:
    """A point goes from 0 to 1, 2 and 3; at each step it was to change x by this."""
    spec = Spec(2, 1, 1, 1, False, 3, None, position_columns=(0,), subgoal_range=(9.0,))
    buffer = ReplayBuffer(spec, 3, 1)
    seen = np.array([[0, 7], [1, 8], [2, 9], [3, 10]], "f")
    decided = np.array([[0.5, subgoal] for subgoal in subgoals], "f")
    buffer.add([Episode(seen, seen[:, :1], np.zeros((4, 1), "f"), decided, terminal, 0.0, 0.0)])
    return buffer


@pytest.mark.parametrize(
    ("options", "terminal", "rewards", "discounts", "following"),
    [
        # It is to be at 5 for two steps, then at 2: distances 4, 3, and 1.
        ({}, False, [-4, -3, -1], [0.5, 0.5, 0.5], [4, 3, -1]),
        ({}, True, [-4, -3, -2], [0.5, 0.5, 0.0], [4, 3, -1]),  # 1 for ever: 1 + 0.5 + 0.25 + ..
        ({"subgoal_transition": "resampled"}, False, [-4, -3, -1], [0.5] * 3, [4, 0, -1]),
        # |g| - 0.5 |g'| - 0.5 distance
        ({"potential_shaping": True}, False, [1, 1, -1], [0.5] * 3, [4, 3, -1]),
        ({"potential_shaping": True}, True, [1, 1, -1], [0.5, 0.5, 0], [4, 3, -1]),
    ],
)
def test_three_steps_by_hand(
    options: Any, terminal: bool, rewards: Any, discounts: Any, following: Any
) -> None:
    buffer = straight_walk(terminal, [5, 4, 0])
    spec = Spec(2, 1, 1, 1, False, 3, None, position_columns=(0,), subgoal_range=(9.0,))
    task, config = TASK._replace(spec=spec), plain(subgoal_steps=2, low_gamma=0.5, **options)
    found = {}
    for inputs, _, gained, discount, after in transitions(drawn(0, config, buffer, task)[0]):
        found[tuple(inputs.tolist())] = (gained, discount, *after)
    assert set(found) == {(7, 5), (8, 4), (9, 0)}
    rows = np.array([found[key] for key in sorted(found)])
    np.testing.assert_allclose(rows[:, 0], rewards, atol=1e-6)
    np.testing.assert_allclose(rows[:, 1], discounts)
    np.testing.assert_allclose(rows[:, 2], [8, 9, 10])
    np.testing.assert_allclose(rows[:, 3], following, atol=1e-6)


def test_the_shaped_reward_is_the_way_gained() -> None:
    batch, _ = drawn(0, plain(potential_shaping=True), filled())
    before, after = (np.linalg.norm(x[..., 2:], axis=-1) for x in (batch.inputs, batch.next_inputs))
    np.testing.assert_allclose(batch.reward, before - after, atol=1e-4)


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
    task, buffer, shape = TASK._replace(spec=spec), filled(), (40, 100)

    def learned(**options: Any) -> list[tuple[Any, ...]]:
        config = plain(potential_shaping=True, **options)
        return transitions(drawn(0, config, buffer, task, shape=shape)[0])

    def image(of: tuple[Any, ...], flip: bool, swap: bool) -> tuple[Any, ...]:
        # Inputs are columns 2 and 3 of the observation, and the sub-goal.
        inputs, action, gained, discount, after = (np.array(x) for x in of)
        if flip:
            sign = np.array([1, -1, -1, 1], "f")
            inputs, after, action = inputs * sign, after * sign, action * np.array([1, -1], "f")
        if swap:
            inputs, after = inputs[[0, 1, 3, 2]], after[[0, 1, 3, 2]]
        return tuple(np.round(x, 4).tobytes() for x in (inputs, action, gained, discount, after))

    straight = learned()
    kinds = [(flip, swap) for flip in (False, True) for swap in (False, True)]
    known = {image(one, *kind): kind for one in straight for kind in kinds}
    counts = Counter(known[image(one, False, False)] for one in learned(mirror_augmentation=True))
    assert len(counts) == 4 and sum(counts.values()) == 4000 and min(counts.values()) > 900
    # A room that the low level sees is no mirror image of itself.
    shown = {one[0].tobytes() for one in learned(mirror_augmentation=True, hide_position=False)}
    assert shown == {one[0].tobytes() for one in learned(hide_position=False)}


def test_the_low_level_may_have_a_discount_of_its_own() -> None:
    batch, _ = drawn(0, plain(low_gamma=0.3), filled())
    assert set(np.unique(batch.discount)) == {np.float32(0.0), np.float32(0.3)}


def test_hindsight_sub_goals_were_reached_while_the_sub_goal_stood() -> None:
    buffer, config = filled(), plain(hindsight=1.0)
    found = check(config, buffer, drawn(0, config, buffer)[0])
    for row, time, length, _ in stored(buffer):
        left = min(C - time % C, length - time)
        assert set(found[row]) == {str(ahead) for ahead in range(left)}


def test_a_sub_goal_in_hindsight_stays_where_it_is() -> None:
    buffer, config = filled(), plain(hindsight=1.0, subgoal_transition="resampled")
    batch, _ = drawn(0, config, buffer)
    steps = {tuple(buffer.observation[row, 2:].tolist()): row for row, *_ in stored(buffer)}
    for inputs, *_, after in transitions(batch):
        row = steps[tuple(inputs[:2].tolist())]
        place, next_place = buffer.observation[row, :2], buffer.observation[row + 1, :2]
        np.testing.assert_allclose(next_place + after[2:], place + inputs[2:], atol=1e-4)


def test_the_share_of_hindsight() -> None:
    buffer, config = filled(), plain(hindsight=0.25)
    batch, _ = drawn(0, config, buffer, shape=(100, 100))
    counts = sum(check(config, buffer, batch).values(), Counter[str]())
    assert 1 - counts["set"] / 10_000 == pytest.approx(0.25, abs=0.02)


def test_the_distance_that_is_logged_is_of_sub_goals_that_were_set() -> None:
    buffer = filled()
    _, alone = drawn(0, PLAIN, buffer, shape=(200, 100))
    mixed = dataclasses.replace(PLAIN, hindsight=0.7)
    _, figures = drawn(0, mixed, buffer, shape=(200, 100))
    name = "low_level_distance"
    assert figures[name] == pytest.approx(alone[name], rel=0.05)
