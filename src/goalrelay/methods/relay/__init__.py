"""Relay hindsight experience replay: a task as stages, each learned stage guides to the next.

Luo et al. (RHER; arXiv 2208.00843). One network for all stages, with any actor-critic learner:

    collect:  s = first stage not reached;  with probability p the policy of s guides, else the
              policy of s + 1 acts with noise                          (`goals.choose`)
    sample:   every batch holds steps for every stage, from all episodes alike; hindsight goals are
              what each stage achieved later                           (`relabel.relabel`)
    update:   the learner's, on (encode(observation, goal, stage), action, reward, ...), and what
              the guide would do where it is needed                    (`lead.pull`)
    test:     the last stage's policy from the first step
"""

import jax
import numpy as np

from goalrelay import encoding
from goalrelay.encoding import Layout, Moment, encode, unzeroed
from goalrelay.errors import UsageError
from goalrelay.exploration import add_noise, annealed, explore, random_action
from goalrelay.goals import (
    Progress,
    choose,
    controller,
    current,
    first_end,
    mastery,
    moves,
    pursued,
)
from goalrelay.methods import Act, Network
from goalrelay.methods.relay import lead
from goalrelay.methods.relay.config import PRESETS, Config
from goalrelay.methods.relay.intent import intended
from goalrelay.methods.relay.mixing import stage_of_each
from goalrelay.priority import check as check_priority
from goalrelay.priority import draw
from goalrelay.relabel import Rules, achieved_later, in_place, innr, pursuits, reached, relabel
from goalrelay.replay import Replay
from goalrelay.symmetry import Steps, mirror
from goalrelay.types import Batch, Index, Observation, Spec, Symmetry

DEMONSTRATED = False
PARTS = ()
NEEDS_GOALS = True
FIGURES = ("innr",)

__all__ = ["PRESETS", "Config"]


def check(config: Config, rules: Rules) -> None:
    """Refuse a task without stages, and options that do not fit its stages.

    Raises:
        UsageError: naming the option, or saying how stages are declared.
    """
    spec = rules.spec
    check_priority(config.priority, spec)
    _chosen(config, rules)
    if not spec.stages:
        raise UsageError(
            "this task declares no stages, which relay needs; docs/relay.md shows how to declare "
            "them in a few lines (the method her needs none)"
        )
    if config.shares and len(config.shares) != len(spec.stages):
        raise UsageError(
            f"--method.shares takes one number for each of the {len(spec.stages)} stages, "
            f"got {len(config.shares)}"
        )
    if config.shares and (min(config.shares) < 0 or sum(config.shares) <= 0):
        raise UsageError("--method.shares must not be negative, nor all 0")
    if config.encoding == "absolute" and config.translation and spec.absolute:
        raise UsageError(
            "--method.encoding absolute shows goals as places in the room, which mean nothing "
            "where the places of things are hidden; add --method.no-translation"
        )
    if config.guidance.guide == "controller" and spec.discrete:
        raise UsageError("--method.guidance.guide controller needs continuous actions")
    unguided = [s.name for s in spec.stages[:-1] if s.gain is None]
    if config.guidance.guide == "controller" and unguided:
        raise UsageError(
            f"--method.guidance.guide controller: stage '{unguided[0]}' declares no gain"
        )


def layout(config: Config, spec: Spec) -> Layout:
    """What the network sees, and where."""
    return encoding.layout(
        config.encoding, config.tell_stage, config.translation, config.focus, spec
    )


def input_size(config: Config, spec: Spec) -> int:
    """Size of the encoding."""
    return layout(config, spec).size


def normalized(config: Config, spec: Spec) -> np.ndarray:
    """What of the encoding is normalised."""
    return encoding.normalized(layout(config, spec))


def play(config: Config, spec: Spec, network: Network) -> Act:
    """The policy of the stage that `guidance.test` names."""

    def step(observation: Observation) -> np.ndarray:
        stage = len(spec.stages) - 1
        if config.guidance.test == "unfinished":
            stage = first_end(config.guidance, spec.stages, observation)
        elif config.guidance.test == "relay":
            stage = current(config.guidance, spec.stages, observation)
        return network(_inputs(config, spec, observation, stage), None)

    return step


def begin(
    config: Config, spec: Spec, network: Network, progress: Progress, rng: np.random.Generator
) -> Act:
    """Self-guided exploration for one episode."""
    if progress.random:
        return lambda _: random_action(spec, rng)
    noises = [annealed(config.exploration, share) for share in mastery(progress, len(spec.stages))]
    time = 0

    def step(observation: Observation) -> np.ndarray:
        nonlocal time
        choice = choose(config.guidance, spec.stages, observation, time, progress, rng)
        time += 1
        if choice.guiding and config.guidance.guide == "controller":
            action = controller(observation, spec.stages[choice.stage], spec.action_size)
        else:
            action = network(_inputs(config, spec, observation, choice.stage), rng)
        if choice.guiding:
            return add_noise(noises[choice.stage], spec, action, rng)
        return explore(noises[choice.stage], spec, action, rng)

    return step


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B] with steps for every stage."""
    known = rules.reached
    if replay is rules.demonstrations:  # whatever the agent can do, a demonstrator came everywhere
        known = (1.0,) * len(rules.spec.stages)
    whose = stage_of_each(config, rules.spec.stages, known, shape).reshape(-1)
    pieces, places, figures = [], [], {"innr": float("nan")}
    for stage in range(len(rules.spec.stages)):
        place = np.flatnonzero(whose == stage)
        if not len(place):
            continue
        index, goals = _draw(config, rules, replay, stage, len(place), rng)
        rng.shuffle(place)  # prioritised steps come first in the index, not in the batches
        pieces.append(_batch(config, rules, replay, stage, (index, goals), rng, figures))
        places.append(place)
    order = np.argsort(np.concatenate(places))
    batch = jax.tree.map(lambda *fields: np.concatenate(fields)[order], *pieces)
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), batch), figures


def _draw(
    config: Config, rules: Rules, replay: Replay, stage: int, count: int, rng: np.random.Generator
) -> tuple[Index, np.ndarray]:
    """Steps for a stage and the rows of goals; only what moves an object has a priority."""
    stages = rules.spec.stages
    name = config.priority if moves(stages, stage) else "uniform"
    there = in_place(replay, stages[stage], round(config.in_place * count), rng)
    count -= len(there.row)
    alone = stages[stage]
    if alone.also:  # its own object, judged by distance: the task judges all of them
        alone = alone._replace(also=(), threshold=alone.threshold or alone.switch)
    near, columns = reached(alone, rules), alone.achieved.columns
    index, goals = draw(name, config.prioritized, replay, count, near, alone.scale, columns, rng)
    index = Index(*(np.concatenate(both) for both in zip(there, index, strict=True)))
    return index, np.concatenate((np.full(len(there.row), -1), goals))


def _batch(
    config: Config,
    rules: Rules,
    replay: Replay,
    number_: int,
    drawn: tuple[Index, np.ndarray],
    rng: np.random.Generator,
    figures: dict[str, float],
) -> Batch:
    """Drawn steps [B] as what they mean to a stage; the last stage's INNR goes to the figures."""
    (index, goals), stage = drawn, rules.spec.stages[number_]
    meaning = relabel(replay, index, stage, config.goals, rules, rng, config.n_step, goals)
    if number_ == len(rules.spec.stages) - 1:
        figures["innr"] = innr(replay, index, stage, rules, meaning)
    plan, done = layout(config, rules.spec), replay.action[index.row]
    shown = np.zeros(len(index.row), np.float32)
    if replay is rules.demonstrations:  # asked of what happened, before it is mirrored
        shown += intended(config.guidance, plan.stages, number_, replay, index.row)
        shown *= achieved_later(replay, index, stage, rules, meaning.goal)
    led = lead.pull(config.guidance, plan, rules, replay, number_, index.row, meaning.goal)
    steps = Steps(
        replay.observation[index.row],
        replay.observation[meaning.after],
        replay.achieved[index.row],
        replay.achieved[meaning.after],
        meaning.goal,
        meaning.next_goal,
        done,
        np.zeros_like(done) if led is None else led.action,
    )
    mirror(steps, stage, _chosen(config, rules), rng)
    now = Moment(steps.observation, steps.achieved)
    after = Moment(steps.next_observation, steps.next_achieved)
    return Batch(
        encode(plan, now, steps.goal, number_),
        steps.action,
        meaning.reward,
        meaning.discount,
        encode(plan, after, steps.next_goal, number_),
        shown,
        None if led is None else led._replace(action=steps.advice),
    )


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """The inputs of steps [N] with every stage's goal in its slot: nothing is zeroed.

    The last stage's goals are relabelled as in training, the others are those pursued (RHER).
    Steps are shown through the views of all stages in turn.
    """
    stages = rules.spec.stages
    last = relabel(replay, index, stages[-1], config.goals, rules, rng).goal
    goals = [*(pursuits(replay, stage, index.row) for stage in stages[:-1]), last]
    moment = Moment(replay.observation[index.row], replay.achieved[index.row])
    plan = layout(config, rules.spec)
    inputs = np.empty((len(index.row), plan.size), np.float32)
    for stage in range(len(stages)):
        some = slice(stage, None, len(stages))
        part = Moment(*(facts[some] for facts in moment))
        inputs[some] = unzeroed(plan, part, [goal[some] for goal in goals], stage)
    return inputs


def _inputs(config: Config, spec: Spec, observation: Observation, stage: int) -> np.ndarray:
    moment = Moment(observation.observation, observation.achieved)
    goal = pursued(observation, spec.stages[stage])
    return encode(layout(config, spec), moment, goal, stage)


def _chosen(config: Config, rules: Rules) -> list[Symmetry]:
    """The symmetries in use.

    Raises:
        UsageError: the task declares no such symmetry.
    """
    if config.symmetries == ("all",):
        return list(rules.symmetries)
    known = {symmetry.name: symmetry for symmetry in rules.symmetries}
    for name in config.symmetries:
        if name not in known:
            raise UsageError(
                f"--method.symmetries: this task declares {', '.join(known) or 'none'}, not {name}"
            )
    return [known[name] for name in config.symmetries]
