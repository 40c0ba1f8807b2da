"""Construction of a run from an experiment: simulator, method, agents, buffers."""

import dataclasses
import warnings
from typing import NamedTuple

from goalrelay import learners, methods
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.collector import Collecting
from goalrelay.data.priority import WEIGHTS
from goalrelay.data.relabel import stage_objective, whole
from goalrelay.data.rollout import Simulator
from goalrelay.demos.load import load
from goalrelay.errors import Notice, UsageError
from goalrelay.learners.agent import Agent, start_keys
from goalrelay.learners.imitation import Imitation
from goalrelay.methods.base import Method
from goalrelay.tasks.goal_task import described, open_task, with_structure
from goalrelay.tasks.inspect.found import inspect_task
from goalrelay.tasks.symmetry_data import check_symmetries
from goalrelay.train.config import DEFAULT_STEPS, AnyExperiment
from goalrelay.train.description import TaskAbout
from goalrelay.train.workers import collector_of
from goalrelay.types import Episode, Spec, Steps

FOR_IMAGES = "images"
"""Name of the preset for tasks with images."""
SIZES = Spec._fields.index("reward_range")
"""The first fields of `Spec`, which no structure changes."""


class Parts(NamedTuple):
    """The objects of a run."""

    experiment: AnyExperiment
    """With the values that depend on the task filled in."""
    simulator: Simulator
    method: Method
    agents: tuple[Agent, ...]
    """Of each level."""
    buffer: ReplayBuffer
    demonstrations: ReplayBuffer | None
    collector: Collecting
    lines: list[str]
    """About workers that join and that are lost; new ones are appended while the run goes on."""
    remark: str
    """One line about the task for who watches the run, or nothing."""


def build(experiment: AnyExperiment, found: TaskAbout | None = None) -> Parts:
    """Build a run.

    Args:
        experiment: all options.
        found: what a run that is resumed has found about its task; None: find it, if asked.

    Raises:
        UsageError: options, task and demonstrations do not fit together, or what the task shows
            contradicts a symmetry that it declares.
    """
    simulator, method, remark = open_method(experiment, found)
    check_symmetries(simulator)
    if experiment.preset == FOR_IMAGES and not simulator.spec.image:
        about = f"--preset {FOR_IMAGES} is for observations that are images"
        warnings.warn(Notice(f"{about}; task '{simulator.id}' has none"), stacklevel=2)
    experiment = _filled_in(experiment, method)
    demonstrations = None
    if experiment.demos.data:
        demonstrations = _demonstrations(experiment, simulator, method)
    capacity, spec = experiment.replay.capacity, simulator.spec
    lines: list[str] = []
    structure = method.task if finds_structure(experiment) else None
    collector = collector_of(experiment, simulator, method, structure, lines.append)
    return Parts(
        experiment,
        simulator,
        method,
        _agents(experiment, method),
        ReplayBuffer(spec, capacity, method.extra_action_size),
        demonstrations,
        collector,
        lines,
        remark,
    )


def open_method(
    experiment: AnyExperiment, found: TaskAbout | None = None
) -> tuple[Simulator, Method, str]:
    """The task's simulator, the method, and a remark about the task; all that acting needs.

    Raises:
        UsageError: options and task do not fit together.
    """
    simulator, remark = _opened(experiment, found)
    simulator.limit = experiment.collect.step_timeout
    _check_fit(experiment, simulator)
    cls = methods.find(experiment.method_name)
    method = cls(experiment.method, simulator.task, experiment.learner.gamma)
    return simulator, method, remark


def finds_structure(experiment: AnyExperiment) -> bool:
    """Whether the run uses what is found about the task, not what the task declares."""
    return "auto" in (_option(experiment, "stages"), _option(experiment, "structure"))


def _option(experiment: AnyExperiment, name: str) -> object:
    """An option that only some methods have; None for the others."""
    return getattr(experiment.method, name, None)


def _opened(experiment: AnyExperiment, found: TaskAbout | None = None) -> tuple[Simulator, str]:
    """The task's simulator, with the declared or the found structure, and a remark about it."""
    simulator = open_task(experiment.task, experiment.task_options)
    if not finds_structure(experiment) or simulator.flat:
        return simulator, ""
    if found is not None:
        then, now = ((*spec[:SIZES], spec.image) for spec in (found.spec, simulator.spec))
        if then != now:
            what = "structure.json of the run is of a task with other sizes"
            raise UsageError(f"{what} than '{simulator.id}'")
        return described(simulator, *found), ""
    inspected = inspect_task(simulator)
    staged = _option(experiment, "stages") == "auto"
    if inspected.reason and not staged:
        bare = simulator.spec._replace(stages=(), position_columns=(), differences=())
        return described(simulator, bare, ()), (
            f"no object to reach ({inspected.reason}): no structure is used"
        )
    simulator = with_structure(simulator, inspected.structure)
    if inspected.reason:
        return simulator, (
            f"no object to reach ({inspected.reason}): the only stage is the task itself, which is "
            "plain hindsight"
        )
    if not staged:
        return simulator, f"found structure: {_used_by_hindsight(simulator)}"
    stages = ", ".join(f"{s.name} within {s.switch:g}" for s in simulator.spec.stages)
    return simulator, f"found stages: {stages}"


def _used_by_hindsight(simulator: Simulator) -> str:
    """What hindsight alone uses of a structure, in words."""
    spec, parts = simulator.spec, []
    if simulator.symmetries:
        parts.append(f"mirrors {', '.join(s.name for s in simulator.symmetries)}")
    if spec.position_columns:
        parts.append(f"hidden positions in columns {', '.join(map(str, spec.position_columns))}")
    if spec.differences:
        parts.append(f"differences between positions: {len(spec.differences)} added")
    return "; ".join(parts) or "an object, and nothing that hindsight alone uses"


def filled_in(experiment: AnyExperiment) -> AnyExperiment:
    """The experiment with the values that depend on the task, as a run's `config.json` has them.

    Raises:
        UsageError: options and task do not fit together.
    """
    simulator, method, _ = open_method(experiment)
    simulator.close()
    return _filled_in(experiment, method)


def store(buffer: ReplayBuffer, method: Method, episodes: list[Episode]) -> Steps:
    """Add episodes; the method's priority gives the weights of their steps."""
    weigh = WEIGHTS[method.priority]
    success = stage_objective(method.task, whole(method.task.spec), 1.0).success
    return buffer.add(episodes, [weigh(episode, success) for episode in episodes])


def _filled_in(experiment: AnyExperiment, method: Method) -> AnyExperiment:
    """The experiment with the numbers that the task decides, so that `config.json` has them."""
    given = (experiment.steps, experiment.episodes, experiment.minutes)
    steps = DEFAULT_STEPS if given == (None, None, None) else experiment.steps
    learner = experiment.learner
    if getattr(learner, "target_entropy", 0.0) is None and len(method.levels) == 1:
        learner = dataclasses.replace(
            learner, target_entropy=-float(method.levels[0].spec.action_size)
        )
    return dataclasses.replace(experiment, method=method.config, learner=learner, steps=steps)


def _agents(experiment: AnyExperiment, method: Method) -> tuple[Agent, ...]:
    """A learner for each level; their networks start apart."""
    demos, imitation = experiment.demos, Imitation()
    if demos.data:
        imitation = Imitation(demos.weight, demos.policy_weight, demos.q_filter)
    learner = learners.find(experiment.learner_name)
    keys = start_keys(experiment.seed, len(method.levels))
    return tuple(
        Agent(level, learner, experiment.learner, imitation, key)
        for level, key in zip(method.levels, keys, strict=True)
    )


def _demonstrations(
    experiment: AnyExperiment, simulator: Simulator, method: Method
) -> ReplayBuffer:
    """A buffer of its own for what a demonstrator did."""
    episodes = load(experiment.demos.data, simulator, experiment.demos.episodes)
    rows = sum(episode.length + 1 for episode in episodes)
    spec = simulator.spec
    buffer = ReplayBuffer(spec, max(rows, spec.horizon), method.extra_action_size, True)
    store(buffer, method, [method.completed(episode) for episode in episodes])
    return buffer


def _check_fit(experiment: AnyExperiment, simulator: Simulator) -> None:
    """Refuse a method or a learner that does not fit the task."""
    method = methods.find(experiment.method_name)
    learner = learners.find(experiment.learner_name)
    if method.NEEDS_GOALS and simulator.flat:
        raise UsageError(f"task '{simulator.id}' has no goals for hindsight; use the method flat")
    if experiment.until is not None and not simulator.reports_success():
        raise UsageError(
            f"--until: task '{simulator.id}' does not report success; its info needs is_success "
            "(1 or 0) at each step, or run without --until"
        )
    if simulator.spec.discrete == learner.CONTINUOUS:
        kind = "discrete" if simulator.spec.discrete else "continuous"
        fitting = [
            n for n in learners.names() if (kind != "discrete") == learners.find(n).CONTINUOUS
        ]
        raise UsageError(
            f"--learner {experiment.learner_name} does not fit the {kind} actions of "
            f"'{simulator.id}'; use {' or '.join(fitting)}"
        )
