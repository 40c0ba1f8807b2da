"""Tables of every option, from the docstrings of the source; see tables.py."""

import ast
import dataclasses
import functools
import inspect
import textwrap
import typing
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import tables_of_results
from goalrelay import learners, methods
from goalrelay.train.config import Experiment
from tables_of_results import claim, table

HEAD = ("method_name", "task", "learner_name", "preset")
"""Of a run's options: the words before all others."""
NOTEBOOK: dict[str, dict[str, str]] = {
    "relay": {
        "method.k": "around-an-obstacle",
        "method.actual": "goals-of-other-episodes",
        "method.priority": "the-way-there-one-seed-each",
        "method.stage_weights": "three-blocks-in-less-than-an-hour",
        "method.guidance.probability": "goals-of-other-episodes",
        "method.guidance.anneal": "two-blocks",
        "method.guidance.imitation": "the-way-to-the-block",
        "method.exploration.anneal": "two-blocks",
        "method.symmetry_augmentation": "how-exact-the-mirrors-are",
        "method.variant.earlier_goals_hold": "a-tower-of-three",
        "method.variant.prioritized_fraction": "the-way-there-one-seed-each",
        "method.variant.evaluated": "who-acts-in-tests",
    },
    "hierarchy": {
        "method.planner_weight": "a-map-of-what-was-tried",
        "method.self_imitation": "what-has-worked",
        "method.go_explore": "first-return-then-explore",
        "method.egocentric": "an-ants-own-axes",
        "method.variant.mirror_augmentation": "an-ants-own-axes",
        "method.variant.low_gamma": "an-ant-in-a-maze",
        "method.variant.potential_shaping": "an-ant-in-a-maze",
    },
    "": {
        "learner.hidden": "three-blocks-in-less-than-an-hour",
        "learner.polyak": "the-way-there-one-seed-each",
        "learner.action_l2": "the-way-there-one-seed-each",
        "evaluate.ema_decay": "goals-of-other-episodes",
        "demos.share": "a-hundred-towers-shown",
        "demos.weight": "a-hundred-towers-shown",
        "demos.q_filter": "a-beginners-demonstrations",
    },
}
"""Method (or none) -> option -> the section of docs/notebook.md that tried it."""


@functools.cache
def docstrings(kind: type) -> dict[str, str]:
    """What is said below each field of a dataclass, its own or inherited."""
    found: dict[str, str] = {}
    for part in reversed([part for part in kind.__mro__ if dataclasses.is_dataclass(part)]):
        body: Any = ast.parse(textwrap.dedent(inspect.getsource(part))).body[0]
        for field, text in pairwise(body.body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[ast.unparse(field.target)] = " ".join(ast.literal_eval(text.value).split())
    return found


def leaves(config: Any, prefix: str) -> Iterator[tuple[str, Any, str]]:
    """Every option of a dataclass: dotted name, default, what it does."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{field.name}.")
        else:
            about = docstrings(type(config)).get(field.name, "")
            choices = typing.get_args(hints[field.name])
            if typing.get_origin(hints[field.name]) is typing.Literal:
                about += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
            yield prefix + field.name, value, about


def written(value: Any) -> str:
    """A value as the command line has it."""
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    values = value if isinstance(value, tuple | list) else (value,)
    return "`" + " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values) + "`"


def evidence(option: str, method: str) -> str:
    """The claims whose variants differ in an option, and the section of the notebook about it."""
    found = []
    for path in sorted(tables_of_results.CLAIMS.glob("*.toml")):
        about = claim(path.stem)
        variants = [
            f"`{name}`"
            for name, entry in about.get("variants", {}).items()
            if option in entry and entry.get("method", about.get("method")) == (method or "relay")
        ]
        if variants:
            link = f"[{path.stem}](../results/README.md#{path.stem})"
            found.append(f"{link} {', '.join(variants)}")
        elif about.get("method") == method and option in about["options"]:
            found.append(f"[{path.stem}](../results/README.md#{path.stem})")
    section = NOTEBOOK.get(method, {}).get(option)
    return ", ".join([*found, *([f"[notebook](notebook.md#{section})"] if section else [])])


def table_of_options(
    config: Any,
    prefix: str,
    method: str,
    presets: Mapping[str, Any],
    skipped: Sequence[str] = (),
) -> str:
    """A row an option: what it does, its default, what presets have, and runs that differ in it."""
    rows = []
    for name, default, about in leaves(config, prefix):
        if name in skipped:
            continue
        elsewhere = [
            f"`{preset}`: {written(chosen.settings[name])}"
            for preset, chosen in presets.items()
            if name in chosen.settings and chosen.settings[name] != default
        ]
        option = f"`--{name.replace('_', '-')}`"
        about = about.replace("|", "\\|")
        rows.append([option, about, written(default), ", ".join(elsewhere), evidence(name, method)])
    return table(["option", "what it does", "default", "presets", "runs"], rows)


def table_of_presets(presets: Mapping[str, Any]) -> str:
    """A row a preset: what it is, its learner, and what it sets beside the method's options."""
    rows = []
    for name, preset in presets.items():
        others = [
            f"`{option.replace('_', '-')}` {written(value)}"
            for option, value in preset.settings.items()
            if not option.startswith("method.")
        ]
        rows.append([f"`{name}`", preset.about, preset.learner, ", ".join(others)])
    return table(["preset", "what it is", "learner", "sets also"], rows)


def sections_of_options() -> str:
    """Every option: of each method, of each learner, and of a run."""
    sections = []
    for name in methods.names():
        method: Any = methods.find(name)
        options = table_of_options(method.Config(), "method.", name, method.PRESETS)
        presets = table_of_presets(method.PRESETS)
        sections.append(f"## Method {name}\n\n{options}\n\n{presets}")
    for name in learners.names():
        options = table_of_options(learners.find(name).Config(), "learner.", "", {})
        sections.append(f"## Learner {name}\n\n{options}")
    run = Experiment("", "", "", "", Nothing(), Nothing())
    options = table_of_options(run, "", "", {}, HEAD)
    sections.append(f"## A run\n\n{options}")
    return "\n\n".join(sections)


@dataclasses.dataclass(frozen=True)
class Nothing:
    """In the place of a method's or a learner's options, which have tables of their own."""
