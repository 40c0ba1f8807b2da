"""HIRO's correction: sub-goals under which today's low level would have acted as was acted."""

from typing import Any

import numpy as np
import pytest
from random_walks import (
    RANGE,
    C,
    as_it_did,
    drawn,
    filled,
    linear,
    plain,
    reward,
    stored,
    transitions,
)

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.hierarchy import correction
from goalrelay.types import Episode, Network, Snapshot, Spec, Task

CONFIG = plain(correction="off-policy")


def log_likelihood(buffer: ReplayBuffer, row: int, length: int, subgoal: np.ndarray) -> float:
    """Of what was done, had this been the sub-goal: HIRO's equation 5, step by step."""
    total, goal = 0.0, np.array(subgoal, float)
    for step in range(row, row + length):
        inputs = np.concatenate([buffer.observation[step, 2:], goal]).astype("f")
        total -= 0.5 * float(((buffer.action[step, :2] - linear(inputs, None)) ** 2).sum())
        goal = buffer.observation[step, :2] + goal - buffer.observation[step + 1, :2]
    return total


def test_a_corrected_sub_goal_explains_what_was_done_best() -> None:
    """Better than what was set, and than what was achieved, which are both candidates."""
    buffer = filled()
    batch, figures = drawn(1, CONFIG, buffer)
    begins = {
        tuple(buffer.observation[row].tolist()): (row, min(C, length - time))
        for row, time, length, _ in stored(buffer)
        if time % C == 0
    }
    kinds, kept = set(), []
    for inputs, action, *_ in transitions(batch):
        row, length = begins[tuple(inputs[:4].tolist())]
        assert (np.abs(action) <= 1).all()
        change = buffer.observation[row + length, :2] - buffer.observation[row, :2]
        others = [np.clip(x, -RANGE, RANGE) for x in (buffer.action[row, 2:], change)]
        own, was_set, achieved = (
            log_likelihood(buffer, row, length, goal) for goal in (action * RANGE, *others)
        )
        assert own >= max(was_set, achieved) - 1e-4
        kinds.add((own > was_set + 1e-4, own > achieved + 1e-4))
        kept.append(np.allclose(action * RANGE, buffer.action[row, 2:], atol=1e-5))
    assert len(kinds) > 1 and (True, True) in kinds
    assert figures["relabelled_subgoal_fraction"] == pytest.approx(1 - np.mean(kept))


def test_the_correction_changes_nothing_but_the_sub_goals() -> None:
    def others(config: Any) -> set[tuple[bytes, ...]]:
        batch, _ = drawn(1, config, filled())
        return {
            tuple(np.asarray(x).tobytes() for x in (i, r, d, n))
            for i, _, r, d, n in transitions(batch)
        }

    assert others(CONFIG) == others(plain())


def test_the_correction_does_not_depend_on_how_much_goes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, _ = drawn(1, CONFIG, filled())
    monkeypatch.setattr(correction, "ROWS", 60)
    pieces, _ = drawn(1, CONFIG, filled())
    np.testing.assert_allclose(batch.action, pieces.action, atol=1e-6)


def chain(rng: np.random.Generator) -> tuple[Task, ReplayBuffer]:
    """A point on a line; the low level went half of the way to its sub-goal in every step."""
    spec = Spec(2, 1, 1, 1, False, C, None, position_columns=(0,), subgoal_range=(4.0,))
    buffer = ReplayBuffer(spec, 400, 1)
    for _ in range(60):
        subgoal, place = rng.uniform(-0.9, 0.9), rng.uniform(-1, 1)
        seen, decided = [[place, 0.0]], []
        for _ in range(C):
            action = 0.5 * subgoal
            decided.append([action, subgoal])
            place, subgoal = place + 0.1 * action, subgoal - 0.1 * action
            seen.append([place, 0.0])
        path = np.array(seen, "f")
        goal = np.zeros((C + 1, 1), "f")
        buffer.add([Episode(path, path[:, :1], goal, np.array(decided, "f"), False, 0.0, 0.0)])
    return Task(spec, reward, as_it_did), buffer


def found_in_chain(low: Network) -> tuple[np.ndarray, np.ndarray, ReplayBuffer, np.ndarray]:
    """Rows at which sub-goals were set, and the corrected ones."""
    task, buffer = chain(np.random.default_rng(5))
    snapshot = Snapshot((low, low))
    batch, figures = drawn(1, CONFIG, buffer, task, snapshot, shape=(4, 100))
    begins = np.arange(60) * (C + 1)
    places = buffer.observation[begins, 0]
    rows = begins[[int(np.argmin(np.abs(places - x[0][0]))) for x in transitions(batch)]]
    fraction = np.array(figures["relabelled_subgoal_fraction"])
    return rows, 4 * batch.action.reshape(-1), buffer, fraction


def test_the_correction_finds_what_a_changed_low_level_would_have_been_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Today's low level goes a quarter of the way."""
    monkeypatch.setattr(correction, "CANDIDATES", 400)
    rows, found, buffer, fraction = found_in_chain(lambda inputs, *_: 0.25 * inputs[..., 1:])
    # The least squares solution of 0.25 (g - moved_i) = a_i, i = 0 .. c - 1:
    steps = rows[:, None] + np.arange(C)
    moved = buffer.observation[steps, 0] - buffer.observation[rows, 0][:, None]
    best = (buffer.action[steps, 0] / 0.25 + moved).mean(axis=1)
    np.testing.assert_allclose(found, best, atol=0.1)
    assert np.abs(best - buffer.action[rows, 1]).mean() > 0.3  # it means something else today
    assert fraction > 0.9


def test_a_low_level_that_has_not_changed_keeps_its_sub_goals() -> None:
    rows, found, buffer, fraction = found_in_chain(lambda inputs, *_: 0.5 * inputs[..., 1:])
    np.testing.assert_allclose(found, buffer.action[rows, 1], atol=1e-6)
    assert fraction == 0


def test_without_correction_sub_goals_stay() -> None:
    batch, figures = drawn(1, plain(), filled())
    assert figures["relabelled_subgoal_fraction"] == 0
    known = {tuple((subgoal / RANGE).clip(-1, 1).tolist()) for subgoal in filled().action[:, 2:]}
    assert {tuple(action.tolist()) for action in batch.action.reshape(-1, 2)} <= known
