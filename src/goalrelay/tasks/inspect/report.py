"""What was found about a task, as text, as values for JSON, and as a module to paste."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.tasks.inspect.contract import Line, contract
from goalrelay.tasks.inspect.found import SEED, Inspection, inspect_task, success_distance
from goalrelay.tasks.inspect.kinds import names
from goalrelay.tasks.inspect.play import Play
from goalrelay.tasks.inspect.relations import relations, varied
from goalrelay.tasks.symmetry_data import name as column_name
from goalrelay.types import Columns, Spec, Stage

ADVICE = "relay has nothing to relay here: use her"


def report(simulator: Simulator, steps: int, seed: int) -> dict[str, Any]:
    """All that is known of a goal task: its parts in words, and `module`, code to paste."""
    found = inspect_task(simulator, steps, seed)
    return {
        "task": simulator.id,
        "contract": [line._asdict() for line in contract(simulator, seed)],
        "observation": [line._asdict() for line in _observation(simulator, found)],
        "goal": [line._asdict() for line in _goals(simulator, found)],
        "motion": [line._asdict() for line in _motion(found)],
        "not_sure": list(found.doubts),
        "advice": advice(simulator.spec),
        "module": module(simulator.id, found),
    }


def advice(spec: Spec) -> str:
    """Which method to use for a task without stages, one that takes such a task."""
    options = [" --preset images"] * bool(spec.image) + [" --learner dqn"] * spec.discrete
    if options:  # the hierarchy takes neither images nor discrete actions
        return f"{ADVICE}, with{''.join(options)}"
    return f"{ADVICE}, or hierarchy where the way to the goal is long"


def text(about: dict[str, Any]) -> str:
    """A report in lines."""
    lines = [about["task"]]
    for title in ("contract", "observation", "goal", "motion"):
        lines += ["", title]
        width = max((len(line["name"]) for line in about[title]), default=0)
        lines += [f"  {line['name']:{width}}  {line['fact']}" for line in about[title]]
    if about["not_sure"]:
        lines += ["", "not sure", *(f"  {doubt}" for doubt in about["not_sure"])]
    lines += ["", "to declare it, paste this into a module" if about["module"] else about["advice"]]
    return "\n".join([*lines, "", about["module"]] if about["module"] else lines)


def _observation(simulator: Simulator, found: Inspection) -> list[Line]:
    """The image and the columns of the observation."""
    size, image = simulator.spec.observation_size, simulator.spec.image
    lines = [Line("image", " x ".join(map(str, image)))] * bool(image)
    return [*lines, *_columns(simulator, found)] if size else lines


def _columns(simulator: Simulator, found: Inspection) -> list[Line]:
    """The columns of the observation, with what they are and their range."""
    if found.motion is None:
        return [Line(_span(0, simulator.spec.observation_size), "not looked at: discrete actions")]
    data = found.motion.everything
    if not found.kinds:
        return _bare_columns(data)
    return [
        Line(
            _span(kind.start, kind.size),
            f"{kind.words}{'' if kind.sure else ' (?)'}: {kind.evidence}; "
            f"{_range(data.observation[:, kind.start : kind.start + kind.size])}",
        )
        for kind in found.kinds
    ]


def _bare_columns(data: Play) -> list[Line]:
    """The columns of a task of which no kinds are known: constants, and what equals what."""
    size, shown = data.observation.shape[1], data.shown
    changing = set(varied(shown).tolist())
    facts = ["" if column in changing else "constant" for column in range(size)]
    for relation in relations(shown):
        if relation.first >= size and relation.second is None:
            continue
        if relation.column >= size and relation.second is None and relation.factor > 0:
            facts[relation.first] = f"equals {column_name(relation.column, size)}"
        elif relation.column < size and relation.second is not None and relation.second < size:
            both = (relation.first, relation.second)
            facts[relation.column] = facts[relation.column] or (
                f"is column {both[0]} minus column {both[1]}"
                if both[0] < size
                else f"is {column_name(both[0], size)} minus column {both[1]}"
            )
    lines: list[Line] = []
    start = 0
    for column in range(1, size + 1):
        if column < size and facts[column] == facts[start] in ("", "constant"):
            continue
        own = data.observation[:, start:column]
        fact = f"{facts[start]}; " if facts[start] else ""
        lines.append(Line(_span(start, column - start), fact + _range(own)))
        start = column
    return lines


def _goals(simulator: Simulator, found: Inspection) -> list[Line]:
    """Ranges of the goals, and the columns of the observation that equal the achieved goal."""
    spec, lines = simulator.spec, []
    if found.motion is not None:
        data, size = found.motion.everything, spec.observation_size
        equal = {
            r.column - size: r.first
            for r in relations(data.shown)
            if r.column >= size > r.first and r.second is None and r.factor > 0
        }
        where = ", ".join(str(equal.get(column, "-")) for column in range(spec.goal_size))
        lines.append(Line("achieved", f"{_range(data.achieved)}; equals observation {where}"))
        lines.append(Line("desired", _range(found.motion.starts.desired)))
    lines.append(Line("success", _success(simulator, found)))
    return lines


def _success(simulator: Simulator, found: Inspection) -> str:
    """At what distance from its goal the task counts as reached, and how that was found."""
    near, motion = found.structure.stages[-1].switch, found.motion
    achieved = simulator.reset(SEED).achieved if motion is None else motion.starts.achieved[0]
    goal = motion.objects[-1].goal if motion and motion.objects else range(len(achieved))
    if success_distance(simulator, achieved, goal) is None:
        return f"the reward does not show the distance; {near:g} is assumed"
    return f"within {near:g}, measured by the reward"


def _motion(found: Inspection) -> list[Line]:
    """What moves what."""
    motion, lines = found.motion, [Line("no object to reach", found.reason)] * bool(found.reason)
    if motion is None:
        return lines
    if motion.hand is not None:
        moved = ", ".join(f"{value:.2g}" for value in np.abs(motion.hand.response).max(axis=0))
        at = motion.hand.position.columns
        fact = f"{_span(at[0], len(at))} of the observation; a unit of action moves it by {moved}"
        lines.append(Line("hand", fact))
    for name, touched in zip(names(motion), motion.objects, strict=True):
        at = touched.position
        near, far = touched.onsets
        fact = (
            f"{_span(at.columns[0], len(at.columns))} of {at.source}; begins to move within "
            f"{touched.touch:g} of the hand ({near} times with the hand within twice that "
            f"distance, {far} times with it farther away)"
        )
        lines.append(Line(name, fact))
    return lines


def _span(start: int, size: int) -> str:
    return f"{start}-{start + size - 1}" if size > 1 else str(start)


def _range(values: np.ndarray) -> str:
    """Smallest and largest value, of each column where there are few."""
    if values.shape[1] > 4:
        return f"from {values.min():.3g} to {values.max():.3g}"
    ends = ((f"{low:.3g}", f"{high:.3g}") for low, high in _ends(values))
    return ", ".join(low if low == high else f"{low} to {high}" for low, high in ends)


def _ends(values: np.ndarray) -> Sequence[tuple[float, float]]:
    return list(zip(values.min(axis=0), values.max(axis=0), strict=True))


def module(task_id: str, found: Inspection) -> str:
    """Code that declares what was found; empty: there is no object to reach."""
    kinds = found.structure.column_kinds
    if found.reason or kinds is None:
        return ""
    registers, _, bare = task_id.rpartition(":")
    several = len(found.structure.stages) > 2
    imports = ["ColumnKinds", *(["Stage"] * (not several)), "TaskStructure", "columns"]
    head = [f"import {registers}  # registers the task", ""] if registers else []
    head += ["import goalrelay", f"from goalrelay import {', '.join(imports)}"]
    if several:
        head.append("from goalrelay.tasks.object_stages import MovedObject, object_stages")
    words = [
        f'        "{k.words}",  # {_span(k.start, k.size)}: {k.evidence}'
        + ("" if k.sure else " (not sure)")
        for k in found.kinds
    ]
    stages = _several(found.structure.stages) if several else _single(found.structure.stages)
    return "\n".join(
        [
            *head,
            "",
            *stages,
            "kinds = ColumnKinds(",
            "    observation=(",
            *words,
            "    ),",
            f"    goal={_tuple(kinds.goal)},",
            f"    symmetries={_tuple(kinds.symmetries)},",
            f"    centre={kinds.centre},",
            f"    hide_positions={kinds.hide_positions},",
            ")",
            f'goalrelay.declare("{bare}", TaskStructure(stages, column_kinds=kinds))',
            "",
        ]
    )


def _tuple(words: Sequence[str]) -> str:
    inner = ", ".join(f'"{word}"' for word in words)
    return f"({inner},)" if len(words) == 1 else f"({inner})"


def _single(stages: Sequence[Stage]) -> list[str]:
    """Lines that make `reach` and `task`."""
    lines = ["stages = ("]
    for stage in stages:
        lines += [
            "    Stage(",
            f'        "{stage.name}",',
            f"        {_code(stage.achieved)},",
            f"        {_code(stage.desired)},",
            *([] if stage.threshold is None else [f"        threshold={stage.threshold:g},"]),
            f"        switch={stage.switch:g},",
            *([] if stage.gain is None else [f"        gain={stage.gain:g},"]),
            "    ),",
        ]
    return [*lines, ")"]


def _several(stages: Sequence[Stage]) -> list[str]:
    """Lines that make the stages of several objects."""
    lines = ["objects = ("]
    reaching = [stage for stage in stages if stage.name.startswith("reach")]
    for reach in reaching:
        moves = next(s for s in stages if s.achieved == reach.desired and s is not reach)
        lines.append(
            f"    MovedObject({_code(moves.achieved)}, {_code(moves.desired)}, "
            f"touch={reach.switch:g}, near={moves.switch:g}),"
        )
    gain = "" if stages[0].gain is None else f", gain={stages[0].gain:g}"
    return [*lines, ")", f"stages = object_stages({_code(stages[0].achieved)}, objects{gain})"]


def _code(columns: Columns) -> str:
    numbers = columns.columns
    return f'columns("{columns.source}", {numbers[0]}, {numbers[-1] + 1})'
