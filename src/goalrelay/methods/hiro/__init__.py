"""Hierarchy: a high level sets goals every c steps, a low level reaches them (HIRO).

Nachum et al. 2018 (arXiv 1805.08296), two levels of the same learner:

    collect:  every c steps g = high(s, desired goal) + noise; in between g' = s + g - s'
              a = low(s without its place, g) + noise
    low:      reward -|s + g - s'| for every step                          (`low`)
    high:     c steps are one; reward is their sum; its action is corrected  (`high`)
    update:   the learner's, once a step for the low and once in c steps for the high level

Sub-goals are changes of some columns of the observation. What was decided at a step is stored as
one fact: the action, and the sub-goal beside it.
"""

from collections.abc import Mapping

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.exploration import Exploration, add_noise, annealed, random_action
from goalrelay.goals import Progress
from goalrelay.methods import Act, Network, Part, Preset
from goalrelay.methods.hiro import high, landmarks, low
from goalrelay.methods.hiro.cells import MOST_COLUMNS
from goalrelay.methods.hiro.config import Config, columns, noise, ranges
from goalrelay.relabel import Rules
from goalrelay.types import Observation, Spec

DEMONSTRATED = False
NEEDS_GOALS = False
FIGURES = ("missed", "corrected", "far", "proven")

ANT_COLUMNS = tuple(range(15))
"""The ant's position, rotation and the angles of its joints."""
ANT_REACH = (10.0, 10.0, 0.5, *(1.0,) * 4, *(0.5, 0.3) * 4)
"""How far a sub-goal may change each (the authors' `hiro_orig`)."""

PARTS = (
    Part(
        "low_",
        low.learned,
        lambda _: 1,
        lambda config, steps: config.freeze is None or steps < config.freeze,
        low.input_size,
        low.normalized,
        low.sample,
        low.observed,
    ),
    Part(
        "high_",
        high.learned,
        lambda config: config.every or config.period,
        lambda _, __: True,
        high.input_size,
        high.normalized,
        high.sample,
        high.observed,
    ),
)

PUBLISHED = {
    "learner.hidden": (300, 300),
    "learner.init": "small_end",
    "learner.loss": "huber",
    "learner.target_noise": 0.2 / 30,
    "learner.target_noise_clip": 0.5 / 30,
    "learner.actor_lr": 1e-4,
    "learner.critic_lr": 1e-3,
    "learner.gamma": 0.99,
    "learner.batch_size": 100,
    "learner.polyak": 0.995,
    "learner.target_move": "update",
    "learner.action_l2": 0.0,
    "learner.normalize": False,
    "learner.clip_return": False,
    "method.exploration.noise": 1 / 30,
    "method.exploration.random": 0.0,
    "method.exploration.random_steps": 0,
    "method.bootstrap": "next",
    "replay.capacity": 200_000,
    "collect.updates": 1,
    "collect.updates_per": "step",
}

PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Sub-goals where the task's places are, along quick ways; hindsight on both "
        "levels, noise that persists, episodes that wander, no correction; for sparse rewards "
        "(docs/hiro.md).",
        "td3",
        {
            **PUBLISHED,
            "learner.hidden": (128, 128),
            "learner.init": "fan_in",
            "learner.loss": "square",
            "learner.target_noise": 0.2,
            "learner.target_noise_clip": 0.5,
            "learner.actor_lr": 1e-3,
            "learner.gamma": 0.97,
            "learner.batch_size": 128,
            "learner.polyak": 0.98,
            "learner.normalize": True,
            "learner.clip_return": True,
            "evaluate.average": 0.9,
            "method.every": 4,
            "method.bootstrap": "kept",
            "method.egocentric": True,
            "method.mirrored": True,
            "method.low_gamma": 0.98,
            "method.shaped": True,
            "method.landmarks": 100.0,
            "method.proven": True,
            "method.correction": "none",
            "method.reward_scale": 1.0,
            "method.hindsight": 0.5,
            "method.high_hindsight": 0.7,
            "method.subgoal_noise": (0.3,),
            "method.persistence": 0.8,
            "method.wander": 0.5,
            "method.exploration.noise": 0.1,
            "method.exploration.random": 0.1,
            "method.exploration.random_steps": 2500,
            "replay.capacity": 1_000_000,
        },
    ),
    "hiro-paper": Preset(
        "The authors' settings: sub-goals in position, rotation and joints of the ant; noise of 1 "
        "in raw units on both levels.",
        "td3",
        {
            **PUBLISHED,
            "method.columns": ANT_COLUMNS,
            "method.reach": ANT_REACH,
            "method.subgoal_noise": tuple(1 / reach for reach in ANT_REACH),
        },
    ),
    "hiro-xy": Preset("The authors' variant with sub-goals in x and y.", "td3", PUBLISHED),
}


def check(config: Config, rules: Rules) -> None:
    """Refuse sub-goals that the task's observation does not have.

    Raises:
        UsageError: naming the option.
    """
    spec = rules.spec
    size, chosen = spec.observation_size, columns(config, spec)
    if spec.discrete:
        raise UsageError("the method hiro needs continuous actions")
    if not chosen:
        raise UsageError(
            "this task does not declare where in the room things are; say what sub-goals are to "
            "change: --method.columns and --method.reach"
        )
    if min(chosen) < 0 or max(chosen) >= size:
        raise UsageError(
            f"--method.columns must be columns of the observation, 0 to {size - 1}, "
            f"got {' '.join(map(str, chosen))}"
        )
    if len(set(chosen)) < len(chosen):
        raise UsageError("--method.columns names a column twice")
    if config.adjacency and landmarks.known(config, spec):
        raise UsageError("--method.adjacency needs --method.landmarks 0")
    if config.adjacency and len(chosen) > MOST_COLUMNS:
        raise UsageError(
            f"--method.adjacency is for sub-goals in up to {MOST_COLUMNS} columns, not "
            f"{len(chosen)}"
        )
    if config.columns and not config.reach:
        raise UsageError("--method.columns needs --method.reach: how far each may change")
    for name, numbers, lowest in (
        ("reach", config.reach or spec.reach, 1e-9),
        ("subgoal-noise", config.subgoal_noise, 0.0),
    ):
        if len(numbers) not in (1, len(chosen)) or min(numbers) < lowest:
            raise UsageError(
                f"--method.{name} takes one positive number, or one for each of the "
                f"{len(chosen)} columns"
            )


def play(config: Config, spec: Spec, network: tuple[Network, Network]) -> Act:
    """Both levels without noise."""
    return _Hierarchy(config, spec, network, None, config.exploration)


def begin(
    config: Config,
    spec: Spec,
    network: tuple[Network, Network],
    progress: Progress,
    rng: np.random.Generator,
) -> Act:
    """Both levels with noise, or both at random."""
    exploration = annealed(config.exploration, progress.success)
    return _Hierarchy(config, spec, network, rng, exploration, progress.random)


def wanted(
    config: Config, spec: Spec, observation: Observation, decision: np.ndarray
) -> np.ndarray | None:
    """Where in the room the sub-goal is, [P]; None if it is not about that."""
    chosen = columns(config, spec)
    if not spec.absolute or not set(spec.absolute) <= set(chosen):
        return None
    subgoal = decision[[spec.action_size + chosen.index(column) for column in spec.absolute]]
    return observation.observation[list(spec.absolute)] + subgoal


class _Hierarchy:
    """Who decides in one episode; it remembers the sub-goal."""

    def __init__(
        self,
        config: Config,
        spec: Spec,
        network: tuple[Network, Network],
        rng: np.random.Generator | None,
        exploration: Exploration,
        random: bool = False,
    ):
        self._config, self._spec, self._rng, self._random = config, spec, rng, random
        self._low, self._high = network
        self._exploration = exploration
        self._time = 0
        self._columns, self._reach = columns(config, spec), ranges(config, spec)
        self._noise = noise(config, spec)
        self._where = self._subgoal = np.zeros(len(self._columns), np.float32)
        self._drifting: np.ndarray | None = None
        self._lost: int | None = None
        if rng is not None and rng.random() < config.wander:
            self._lost = int(rng.integers(spec.horizon))

    def __call__(self, observation: Observation) -> np.ndarray:
        """Action and sub-goal of a step: [A + K]."""
        now = observation.observation[self._columns]
        if self._time % self._config.period == 0:
            self._subgoal = self._choose(observation)
        else:
            self._subgoal = self._where + self._subgoal - now  # the place wanted stays the same
        self._where, self._time = now, self._time + 1
        seen = low.seen(self._config, self._spec, observation.observation, self._subgoal)
        return np.concatenate([self._act(seen), self._subgoal])

    def _choose(self, observation: Observation) -> np.ndarray:
        wanted = self._led(observation) if self._rng is None else self._try(observation, self._rng)
        return wanted.clip(-self._reach, self._reach).astype(np.float32)

    def _try(self, observation: Observation, rng: np.random.Generator) -> np.ndarray:
        """Explore: at random, to where what was learned leads and on from there, or near it."""
        if self._random or (self._lost is None and rng.random() < self._exploration.random):
            return self._reach * rng.uniform(-1, 1, len(self._reach))
        if self._lost is None:
            return self._led(observation) + self._noise * self._drift(rng)
        return self._led(observation) if self._time < self._lost else self._reach * self._drift(rng)

    def _led(self, observation: Observation) -> np.ndarray:
        """What the high level wants."""
        config, spec, now = self._config, self._spec, observation.observation
        seen = high.seen(config, spec, now, observation.desired)
        return high.meant(config, spec, now, self._high(seen, self._rng))

    def _drift(self, rng: np.random.Generator) -> np.ndarray:
        """Standard normal numbers [K], correlated with those of the sub-goal before."""
        kept, drift = self._config.persistence, rng.standard_normal(len(self._reach))
        if self._drifting is not None:
            drift = kept * self._drifting + np.sqrt(1 - kept**2) * drift
        self._drifting = drift
        return drift

    def _act(self, inputs: np.ndarray) -> np.ndarray:
        if self._rng is None:
            return self._low(inputs, None)
        if self._random:
            return random_action(self._spec, self._rng)
        return add_noise(self._exploration, self._spec, self._low(inputs, self._rng), self._rng)
