"""Any Gymnasium environment as a goal task.

`open_task` makes the environment of an id, and checks once that it keeps the goal contract of
Gymnasium-Robotics: a dictionary with `observation`, `achieved_goal` and `desired_goal`, and a
`compute_reward(achieved, desired, info)` that works on batches and agrees with `step`. What does
not fit is refused in the user's words.

An environment without goals becomes a flat task: its reward is stored as the achieved "goal". So a
reward is a function of achieved and desired goals for every task, and the rest of the library needs
no second code path.
"""

import copy
import functools
import importlib
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from goalrelay import tasks
from goalrelay.data.interface import GOAL_KEYS
from goalrelay.data.rollout import Attributes, Simulator
from goalrelay.errors import Blamed, TaskFailed, UsageError, with_kind
from goalrelay.settings import nearest
from goalrelay.tasks import column_kinds, differences, fetch_stages, opengl, stock
from goalrelay.tasks.contract import check_contract, reward_range
from goalrelay.tasks.reward_trial import tried
from goalrelay.tasks.specification import read_spec
from goalrelay.tasks.stock import register_stock, too_new_for_stock
from goalrelay.tasks.structure import TaskStructure, find_structure
from goalrelay.tasks.structure_checks import check_structure
from goalrelay.types import Observation, Spec, Symmetry

LOOKS = 4
"""Episodes that are started to find out which columns hold equal numbers."""
BUILT_ON = ("goalrelay", "gymnasium", "gymnasium_robotics")
"""Packages whose modules a file may name."""
RESETS = 24
"""Resets from which the middle of the goals is measured."""


def simulator_of(env: gymnasium.Env[Any, Any], task_id: str) -> Simulator:
    """The simulator of an environment, after checks.

    Args:
        env: made by Gymnasium, with its wrappers.
        task_id: for messages, and to look up a declared structure.

    Raises:
        UsageError: the environment fails, does not fit the goal contract, or its declaration is
            wrong.
    """
    try:
        with Blamed(lambda: f"task '{task_id}' cannot be run"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)  # they are refused
            return _checked_simulator(env, task_id)
    except TaskFailed as error:
        if isinstance(error.__cause__, UsageError):  # what does not fit, in the user's words
            raise error.__cause__ from None
        raise UsageError(str(error)) from error


def _checked_simulator(env: gymnasium.Env[Any, Any], task_id: str) -> Simulator:
    """See `simulator_of`; the environment's own errors pass."""
    spec, notes = read_spec(env, task_id)
    bare = Simulator(env, task_id, spec)
    calls, more_notes = check_contract(bare)
    bare.calls = calls
    if not bare.flat:
        range_found, scale = tried(bare.reward, _sample_timesteps(bare))
        spec = spec._replace(reward_range=reward_range(bare) or range_found, reward_scale=scale)
    spec = spec._replace(achieved_size=spec.achieved_size + sum(part.size for part in calls.info))
    declared = find_structure(task_id, Attributes(env), fetch_stages.find(task_id))
    known = Simulator(env, task_id, spec, (), calls, (*notes, *more_notes))
    return with_structure(known, declared)


def with_structure(bare: Simulator, declared: TaskStructure) -> Simulator:
    """The simulator of the same environment with another structure, after checks.

    Raises:
        UsageError: the structure is wrong for the task.
    """
    structure = _checked(bare, declared)
    if bare.calls.info and any(stage.threshold is None for stage in structure.stages):
        raise UsageError(
            f"task '{bare.id}': its rewards need info, so each of its stages needs a threshold"
        )
    spec = bare.spec._replace(
        stages=structure.stages,
        position_columns=structure.position_columns,
        subgoal_range=structure.subgoal_range,
        goal_position_columns=structure.goal_position_columns,
        body=structure.body,
        differences=(),
    )
    if structure.stages:
        stages, positions = structure.stages, structure.position_columns
        timesteps = _sample_timesteps(bare)
        differences.check_hidden(stages, positions, timesteps, f"task '{bare.id}'")
        spec = spec._replace(differences=differences.lacking(stages, positions, timesteps))
    return described(bare, spec, structure.symmetries)


def described(simulator: Simulator, spec: Spec, symmetries: tuple[Symmetry, ...]) -> Simulator:
    """The simulator of the same environment with another description."""
    other = copy.copy(simulator)
    other.spec, other.symmetries = spec, symmetries
    return other


def _checked(simulator: Simulator, declared: TaskStructure) -> TaskStructure:
    """What is declared about the task, checked, with what follows from its column kinds."""
    spec, where = simulator.spec, f"task '{simulator.id}'"
    achieved = spec.goal_size or spec.achieved_size  # without the info that rewards may need
    sizes = (spec.observation_size, achieved, spec.goal_size, spec.action_size)
    named: dict[str, int] = dict(zip((*GOAL_KEYS, "action"), sizes, strict=True))
    kinds = declared.column_kinds
    if kinds is not None:
        found = column_kinds.reading(kinds, named, where)
        centre = functools.partial(_middle_of_goals, simulator)
        mirrors = column_kinds.symmetries(kinds, found, centre, where)
        positions = column_kinds.positions(found) if kinds.hide_positions else ()
        declared = declared._replace(
            stages=column_kinds.with_permutations(declared.stages, found),
            symmetries=declared.symmetries or mirrors,
            position_columns=declared.position_columns or positions,
        )
    return check_structure(declared, where, named)


def _middle_of_goals(simulator: Simulator, coordinates: Sequence[int]) -> float:
    """Middle of the values that columns of the desired goal take at resets."""
    if not coordinates:
        return 0.0
    goals = np.stack([simulator.reset(seed).desired for seed in range(RESETS)])
    values = goals[:, list(coordinates)]
    return float((values.min() + values.max()) / 2)


def _sample_timesteps(simulator: Simulator) -> Observation:
    """Timesteps of a few episodes of random actions: [N, .] float64 arrays."""
    timesteps, rng = [], np.random.default_rng(0)
    for seed in range(LOOKS):
        timesteps.append(simulator.reset(seed))
        for _ in range(2):
            seen, _, terminated, truncated, _ = simulator.step(simulator.random(rng))
            timesteps.append(seen)
            if terminated or truncated:
                break
    return Observation(*(np.stack(a).astype(float) for a in zip(*timesteps, strict=True)))


def open_task(
    task_id: str, options: Sequence[str] = (), render_mode: str | None = None
) -> Simulator:
    """Open the task with an id: `FetchPush-v4`, `goalrelay/BitFlip-v0`, `package.module:TaskId`.

    Args:
        task_id: a Gymnasium id; before a colon, the module that registers it.
        options: `name=value` strings handed to the environment's constructor.
        render_mode: Gymnasium's, for recording.

    Raises:
        UsageError: the id is unknown (the nearest match is named), the environment cannot be made,
            or it does not fit the goal contract.
    """
    module, _, name = task_id.rpartition(":")
    if module:
        _import_user_module(module, task_id)
    elif name not in gymnasium.registry:
        register_stock()
    if name not in gymnasium.registry:
        known = module or name.startswith("goalrelay/")
        hint = "" if known else f"; a task of another package needs its module, PACKAGE:{name}"
        raise UsageError(f"unknown task '{task_id}'{_suggested(module, name)}{hint}")
    arguments = _arguments(task_id, options, render_mode)
    try:
        with Blamed(lambda: f"task '{task_id}' could not be made"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = gymnasium.make(name, disable_env_checker=True, **arguments)
    except TaskFailed as error:
        if isinstance(error.__cause__, UsageError):
            raise error.__cause__ from None
        hint = ""
        if render_mode is not None and "render_mode" in str(error):
            hint = f"; to be filmed it must take render_mode='{render_mode}'"
        hint = hint or too_new_for_stock(str(gymnasium.spec(name).entry_point))
        raise UsageError(f"{error}{hint}") from error
    return simulator_of(env, task_id)


def _arguments(task_id: str, options: Sequence[str], render_mode: str | None) -> dict[str, Any]:
    """What is handed to the constructor; see `open_task`."""
    arguments = _parse_options(options)
    steps = arguments.get("max_episode_steps", 1)  # Gymnasium's own, of every task
    if type(steps) is not int or steps < 1:
        raise UsageError(f"--task-options max_episode_steps must be 1 or more, got {steps}")
    if render_mode is not None:  # a user's environment may not have this argument
        arguments["render_mode"] = render_mode
    if arguments.get("render_mode") == "human" and not opengl.has_display():
        raise UsageError(
            f"task '{task_id}': --task-options render_mode=human opens a window, and there is no "
            "display (DISPLAY and WAYLAND_DISPLAY are not set)"
        )
    return arguments


def needs_trust(task_id: str) -> bool:
    """Whether opening a task imports a module that is not of a package that this one builds on."""
    module = task_id.rpartition(":")[0]
    return bool(module) and module.partition(".")[0] not in BUILT_ON


def check_trusted(task_id: str, named_in: object, trust: bool, how: str = "add --trust") -> None:
    """Refuse to import a module that only a file names: importing it runs its code.

    Args:
        task_id: in the file.
        named_in: the file.
        trust: whether the person trusts it.
        how: what the person has to do for that, in words.

    Raises:
        UsageError: the module is of nobody's choice, and is not imported yet.
    """
    module = task_id.rpartition(":")[0]
    if not trust and needs_trust(task_id) and module not in sys.modules:
        raise UsageError(
            f"{named_in} names the task '{task_id}', whose module '{module}' would be imported, "
            f"which runs its code; if you trust it, {how}"
        )


def known_tasks() -> dict[str, str]:
    """Goal tasks of this installation, ours first: id -> description."""
    register_stock()
    known = {i: (m.__doc__ or "").partition("\n")[0] for i, m in tasks.own_tasks().items()}
    newest = {spec.name: spec for spec in gymnasium.registry.values() if stock.about(spec.id)}
    for spec in gymnasium.registry.values():
        if spec.name in newest and (spec.version or 0) > (newest[spec.name].version or 0):
            newest[spec.name] = spec
    for spec in newest.values():
        known[spec.id] = f"{stock.about(spec.id)} ({spec.max_episode_steps} steps)"
    return known


def _import_user_module(module: str, task_id: str) -> None:
    """Import the module that registers a user's task."""
    if "" not in sys.path:
        sys.path.insert(0, "")  # finds modules in the current folder
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"task '{task_id}': no module named '{error.name}'") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # modules of users can do anything
        line = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if isinstance(error, SyntaxError) else f" ({line.filename}, line {line.lineno})"
        raise UsageError(
            f"task '{task_id}': importing '{module}' fails with {with_kind(error)}{where}"
        ) from error


def _suggested(module: str, name: str) -> str:
    """`; did you mean 'module:space/Name-v0'?`: the nearest name, of that module and namespace."""

    def registered_by(spec: Any) -> bool:
        entry = spec.entry_point
        owner = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
        return f"{owner}:".startswith((f"{module}:", f"{module}."))

    ids = [i for i, spec in gymnasium.registry.items() if not module or registered_by(spec)]
    namespace = name.rpartition("/")[0]
    ids = [i for i in ids if namespace and i.startswith(f"{namespace}/")] or ids
    named = {i.rpartition("/")[2]: f"{module}:{i}" if module else i for i in reversed(ids)}
    near = nearest(name.rpartition("/")[2], named)
    return "" if near is None else f"; did you mean '{named[near]}'?"


def _parse_options(options: Sequence[str]) -> dict[str, Any]:
    """`name=value` strings as arguments by name."""
    parsed: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name:
            raise UsageError(f"--task-options takes name=value, got '{option}'")
        parsed[name] = _literal(text)
    return parsed


def _literal(text: str) -> Any:
    """A value as int, float, bool or None if it reads as one, else as the string."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)
