"""How a task keeps the contract of goal tasks, in words, beyond what `open_task` checks.

Rewards that cannot be recomputed in batches, or do not agree with `step`, are refused earlier.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.data.rollout import SUCCESS_KEYS, Simulator

EPISODES = 3
"""Episodes that are played to the end."""


class Line(NamedTuple):
    """A fact about the task."""

    name: str
    fact: str


def contract(simulator: Simulator, seed: int) -> tuple[Line, ...]:
    """Facts about rewards, success, ends, resets and goals, from a few random episodes."""
    rng, spec = np.random.default_rng(seed), simulator.spec
    keys: set[str] = set()
    rewards: set[float] = set(spec.reward_range or ())
    early, moves = 0, False
    for episode in range(EPISODES):
        first = simulator.reset(seed + episode)
        for _ in range(spec.horizon):
            action = rng.uniform(-1, 1, spec.action_size)
            if spec.discrete:
                action = rng.integers(spec.action_size)
            shown, reward, terminated, truncated, info = simulator.step(np.asarray(action))
            keys |= set(SUCCESS_KEYS) & set(info)
            rewards.add(reward)
            moves = moves or bool((shown.desired != first.desired).any())
            if terminated or truncated:
                early += terminated
                break
    return (
        Line("declared", _declared(simulator)),
        Line("rewards", f"recomputed in batches, they agree with step; {_values(rewards)}"),
        Line("success", _success(keys, spec.reward_range is not None)),
        Line("time limit", f"{spec.horizon} steps"),
        Line("ends", f"{early} of {EPISODES} random episodes ended before the time limit"),
        Line("resets", _resets(simulator, seed)),
        Line("goals", f"{'move' if moves else 'stay'} during an episode"),
    )


def _declared(simulator: Simulator) -> str:
    """The structure that the task has already, in a few words."""
    spec = simulator.spec
    named = {
        "stages": [stage.name for stage in spec.stages],
        "symmetries": [symmetry.name for symmetry in simulator.symmetries],
        "position columns": list(map(str, spec.position_columns)),
    }
    parts = [f"{name} {', '.join(values)}" for name, values in named.items() if values]
    parts += ["a sub-goal range"] * bool(spec.subgoal_range)
    parts += ["a body frame"] * (spec.body is not None)
    return "; ".join(parts) or "nothing"


def _values(rewards: set[float]) -> str:
    if len(rewards) <= 2:
        return "sparse: " + " or ".join(f"{value:g}" for value in sorted(rewards))
    return f"from {min(rewards):.3g} to {max(rewards):.3g}"


def _success(keys: set[str], sparse: bool) -> str:
    if keys:
        return f'reported at each step, info["{min(keys, key=SUCCESS_KEYS.index)}"]'
    return "not reported; the reward at the goal tells" if sparse else "not reported"


def _resets(simulator: Simulator, seed: int) -> str:
    """Whether the same seed gives the same start, and another seed another."""
    one, other, again = (simulator.reset(number) for number in (seed, seed + 1, seed))
    if not all(np.array_equal(a, b) for a, b in zip(one, again, strict=True)):
        return "do NOT follow the seed: a run cannot be repeated or resumed exactly"
    same = all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    return "follow the seed" + (", and are all alike" if same else "")
