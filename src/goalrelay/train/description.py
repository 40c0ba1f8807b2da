"""What the JSON file of a policy says: the task and the method, and how its tensors are read."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from goalrelay import learners
from goalrelay.data.interface import (
    GOAL_KEYS,
    Actions,
    ImagePart,
    Interface,
    Layout,
    Part,
    name_of,
)
from goalrelay.errors import UsageError
from goalrelay.train.typed import typed
from goalrelay.types import Columns, SignedPermutation, Spec, Symmetry, Task


class TaskAbout(NamedTuple):
    """A task without its functions."""

    spec: Spec
    symmetries: tuple[Symmetry, ...]


class ActionsAbout(NamedTuple):
    """The actions of a task without their bounds, which are tensors; see `interface.Actions`."""

    shape: tuple[int, ...]
    choices: tuple[int, ...]
    first: tuple[int, ...]


class About(NamedTuple):
    """A policy without its tensors."""

    task: str
    task_options: tuple[str, ...]
    method: str
    settings: dict[str, Any]
    learner: str
    layers: tuple[int, ...]
    """Of each level, the number of layers."""
    layer_norm: tuple[bool, ...]
    """Of each level, whether its hidden layers are normalised."""
    spec: Spec
    symmetries: tuple[Symmetry, ...]
    actions: ActionsAbout
    layouts: tuple[Layout, ...]
    images: tuple[ImagePart, ...] = ()


def task_to_json(task: Task) -> dict[str, Any]:
    """The description of a task for JSON: `spec` and `symmetries`."""
    return {"spec": task.spec._asdict(), "symmetries": task.symmetries}


def task_from_json(values: Mapping[str, Any]) -> TaskAbout:
    """What `task_to_json` gave.

    Raises:
        UsageError: a value is missing, of another type, or a column that the task does not have;
            the message names it.
    """
    task: TaskAbout = typed(TaskAbout, {k: values[k] for k in TaskAbout._fields if k in values}, "")
    _check_columns(task)
    return task


def _check_columns(task: TaskAbout) -> None:
    """Refuse columns that are not there."""
    spec = task.spec
    sizes = (spec.observation_size, spec.achieved_size, spec.goal_size)
    counts: dict[str, int] = dict(zip(GOAL_KEYS, sizes, strict=True))
    named = list(_columns(spec.stages)) + list(_columns(spec.differences))
    named += [Columns("observation", spec.position_columns)]
    named += [Columns("desired_goal", spec.goal_position_columns)]
    if spec.body is not None:
        named += [Columns("observation", some) for some in (spec.body.rotation, *spec.body.vectors)]
    for source, columns in named:
        for column in columns:
            if not 0 <= column < counts.get(source, math.inf):
                raise UsageError(f"'spec' names column {column} of {source}, which is not there")
    for order, *others in _permutations((spec.stages, spec.body, task.symmetries)):
        if sorted(order) != list(range(len(order))) or {len(x) for x in others} != {len(order)}:
            raise UsageError("a symmetry is no permutation of columns")


def _columns(value: Any) -> Iterator[Columns]:
    """All columns in a tree of tuples."""
    if isinstance(value, Columns):
        yield value
    elif isinstance(value, tuple):
        yield from itertools.chain.from_iterable(map(_columns, value))


def _permutations(value: Any) -> Iterator[SignedPermutation]:
    """All permutations in a tree of tuples."""
    if isinstance(value, SignedPermutation):
        yield value
    elif isinstance(value, tuple):
        yield from itertools.chain.from_iterable(map(_permutations, value))


def read(values: Mapping[str, Any], tensors: Mapping[str, np.ndarray], most: int) -> About:
    """The description in a JSON file.

    Args:
        values: of the file.
        tensors: of the policy, by name.
        most: that any size can be, such as the bytes of all tensors: nothing larger is allocated.

    Raises:
        UsageError: a value is missing, of another type or too large, or two contradict each other.
    """
    if "layouts" not in values:  # written when all spaces were of one dimension
        values = {**values, **_plain(values, tensors["action_low"].size)}
    about: About = typed(About, {k: values[k] for k in About._fields if k in values}, "")
    for name, size in _sizes(about):
        if not 0 <= size <= most:
            raise UsageError(f"'{name}' is {size}, and the file has {most:,} bytes")
    _check_columns(TaskAbout(about.spec, about.symmetries))
    _check_consistent(about, tensors)
    return about


def interface_of(about: About, tensors: Mapping[str, np.ndarray]) -> Interface:
    """How observations and actions are converted."""
    actions = Actions(tensors["action_low"], tensors["action_high"], *about.actions)
    return Interface(actions, about.layouts, about.images)


def _plain(values: Mapping[str, Any], bounds: int) -> dict[str, Any]:
    """The layouts and the actions of spaces of one dimension, as they are described today."""
    spec = task_from_json(values).spec
    sizes = (spec.observation_size, spec.achieved_size, spec.goal_size)
    paths = [()] if values.get("flat") else [(key,) for key in GOAL_KEYS]
    layouts = [[Part(p, (n,), "float32")] for p, n in zip(paths, sizes, strict=False)]
    discrete = [[], [spec.action_size], [values.get("first_action")]]
    return {"layouts": layouts, "actions": discrete if spec.discrete else [[bounds], [], []]}


def _sizes(about: About) -> list[tuple[str, int]]:
    """All sizes by which something may be allocated, with their names."""
    spec, names = about.spec, ("observation_size", "achieved_size", "goal_size", "action_size")
    sizes = [(f"spec.{name}", getattr(spec, name)) for name in names]
    sizes += [("spec.image", size) for size in (*spec.image, math.prod(spec.image))]
    parts = [part for layout in about.layouts for part in layout]
    sizes += [("layouts", size) for part in parts for size in (*part.shape, *part.choices)]
    sizes += [("images", size) for part in about.images for size in part.shape]
    return sizes + [("actions", size) for size in (*about.actions.shape, *about.actions.choices)]


def _check_consistent(about: About, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse sizes that contradict each other, and a learner for other actions."""
    spec, actions = about.spec, about.actions
    shape, choices = math.prod(actions.shape), len(actions.choices)
    bounds = [tensors[name].shape for name in ("action_low", "action_high")]
    if spec.discrete:
        fits = [choices, choices] == [shape, len(actions.first)]
        fits = fits and choices > 0 and math.prod(actions.choices) == spec.action_size
    else:
        fits = not choices and [(shape,), *bounds] == [(spec.action_size,)] * 3
    if not fits:
        raise UsageError(f"'actions' do not fit 'spec.action_size' {spec.action_size}")
    sizes = [sum(part.size for part in layout) for layout in about.layouts]
    if len(sizes) == 3:  # what rewards need of info lies behind the achieved goal
        fits = sizes[1] <= spec.achieved_size and sizes[2] == spec.goal_size
    else:
        fits = len(sizes) == 1 and spec.goal_size == 0
    if not fits or sizes[0] != spec.observation_size:
        raise UsageError(f"'layouts' of {sizes} numbers do not fit 'spec'")
    if any(len(image.shape) not in (2, 3) for image in about.images):
        raise UsageError("'images' must have two or three dimensions")
    shown = interface_of(about, tensors).image_shape
    if shown != spec.image:
        raise UsageError(f"'images' of {shown} do not fit 'spec.image' {spec.image}")
    if spec.discrete == learners.find(about.learner).CONTINUOUS:
        kind = "discrete" if spec.discrete else "continuous"
        raise UsageError(f"'learner' is {about.learner}, which is not for {kind} actions")


def difference(then: Interface, now: Interface) -> tuple[str, str] | None:
    """The first part of observations and actions that differs, in words; None: none does."""
    pairs = itertools.zip_longest(_in_words(then), _in_words(now), fillvalue="nothing more")
    return next(((before, after) for before, after in pairs if before != after), None)


def _in_words(interface: Interface) -> Iterator[str]:
    """Every part of observations and actions, with what decides how it is converted."""
    for part in itertools.chain.from_iterable(interface.layouts):
        categories = f", categories {part.choices} from {part.first}" if part.choices else ""
        yield f"{part.name} of shape {part.shape}{categories}"
    for image in interface.images:
        yield f"{name_of(image.path)}, an image of shape {image.shape}"
    actions = interface.actions
    choices = f", choices {actions.choices} from {actions.first}" if actions.choices else ""
    yield f"actions of shape {actions.shape}{choices}"
    bounds = zip(actions.low.tolist(), actions.high.tolist(), strict=True)
    for column, (low, high) in enumerate(bounds):
        yield f"action[{column}] from {low} to {high}"
