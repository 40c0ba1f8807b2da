"""Words of the command line -> frozen dataclasses, with tyro; what is wrong becomes one line.

`parse` lets tyro read the words. Where it refuses them, `_complaint` looks for the first option
that does not exist or does not take its value, and says so with the nearest match.

A group of options called `variant` is parsed like any other. `--help` does not list it: `folded`
hides it, and one line below the help says that it exists.
"""

import contextlib
import dataclasses
import io
import itertools
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from goalrelay.errors import UsageError
from goalrelay.renamed import hint
from goalrelay.settings import spelled, suggest

Parsed = TypeVar("Parsed")
PositionalPath = Annotated[Path, tyro.conf.Positional]
PositionalWord = Annotated[str, tyro.conf.Positional]
FOLDED = "variant"
"""Groups of this name are not listed by `--help`."""
HELP = {"-h", "--help"}
REGISTRY = tyro.constructors.ConstructorRegistry()
_WORDS = {int: "a whole number", float: "a number", str: "a word", Path: "a path"}


class Option(typing.NamedTuple):
    """An option or a positional argument as the command line spells it."""

    name: str
    """`--learner.gamma`; `TASK` where it is positional"""
    kind: Any
    """the type of its value"""
    positional: bool
    required: bool


@REGISTRY.primitive_rule
def _home_expanded(info: tyro.constructors.PrimitiveTypeInfo) -> Any:
    """Paths in which `~` is the home folder, also where the shell leaves it: `--out=~/runs`."""
    if info.type is not Path:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: Path(words[0]).expanduser(),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    )


def parse(
    kind: type[Parsed],
    words: Sequence[str],
    command: str,
    default: Any = None,
    others_follow: bool = False,
) -> Parsed:
    """Read the words of a command.

    Args:
        kind: dataclass of the command.
        words: after the name of the command.
        command: its name.
        default: values to start from, in a dataclass of this kind.
        others_follow: whether options that are unknown here are left for a second reading.

    Raises:
        UsageError: an option that does not exist, lacks its value or does not take it.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # tyro's boxes: we say it in one line
            parsed, unknown = tyro.cli(
                kind,
                args=list(words),
                prog=f"goalrelay {command}",
                config=(tyro.conf.FlagCreatePairsOff,),
                return_unknown_args=True,
                registry=REGISTRY,
                **({} if default is None else {"default": default}),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        known = list(options(kind, default))
        if others_follow:
            words = _only(known, words)
        raise UsageError(_complaint(known, words, command)) from None
    if unknown and not others_follow:
        raise UsageError(_complaint(list(options(kind, default)), words, command, unknown[0]))
    return parsed


def options(kind: Any, value: Any = None, prefix: str = "") -> Iterator[Option]:
    """All options of a dataclass and of those nested in it.

    Args:
        kind: the dataclass.
        value: an instance with the defaults, where there is one.
        prefix: of the names.
    """
    kind = typing.get_origin(kind) or kind
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint, marks = hints[field.name], ()
        if typing.get_origin(hint) is Annotated:
            hint, *marks = typing.get_args(hint)
        own = next((m.name for m in marks if getattr(m, "name", None) is not None), field.name)
        inner = getattr(value, field.name, None)
        nested = type(inner) if dataclasses.is_dataclass(inner) else hint
        if isinstance(nested, type) and dataclasses.is_dataclass(nested):
            yield from options(nested, inner, f"{prefix}{own}." if own else prefix)
            continue
        positional = tyro.conf.Positional in marks
        default = field.default if value is None else inner
        no = "no-" if hint is bool and default is True else ""
        name = field.name.upper() if positional else f"--{spelled(f'{prefix}{no}{own}')}"
        required = value is None and dataclasses.MISSING is default is field.default_factory
        yield Option(name, hint, positional, required)


def folded(config: Any) -> Any:
    """The same values in a dataclass whose group `variant` is hidden from `--help`.

    Its options cannot be parsed: this is for showing the help.
    """
    if not has_folded(config):
        return config
    kind, values = type(config), getattr(config, FOLDED)
    hidden = dataclasses.field(default_factory=lambda: values)
    shown = dataclasses.make_dataclass(
        kind.__name__,
        [(FOLDED, Annotated[type(values), tyro.conf.Suppress], hidden)],
        bases=(kind,),
        namespace={"__doc__": kind.__doc__},
        frozen=True,
    )
    own = {field.name: getattr(config, field.name) for field in dataclasses.fields(kind)}
    return shown(**own)


def has_folded(config: Any) -> bool:
    """Whether a dataclass has a group that `--help` does not list."""
    return dataclasses.is_dataclass(getattr(config, FOLDED, None))


def _complaint(
    known: Sequence[Option], words: Sequence[str], command: str, unknown: str | None = None
) -> str:
    """What is wrong with the words, in one line that names the option."""
    named = {option.name: option for option in known if not option.positional}
    given = _grouped(words)
    for name, values in given.items():
        option = named.get(_spelled_as_we_do(name))
        if option is None:
            near = suggest(name[2:], [known_name[2:] for known_name in named])
            near = hint(name[2:]) or near.replace("'", "--", 1).replace("'", "")
            return f"unknown option {name}{near}"
        if unknown is None and option.kind is not bool and not _fits(option.kind, values):
            wrong = f", not '{' '.join(values)}'" if values else ""
            return f"{name} takes {_in_words(option.kind)}{wrong}"
    if unknown is not None:
        return f"'{unknown}' is one word too many for `goalrelay {command}`; see --help"
    heads = len(list(itertools.takewhile(lambda word: not word.startswith("--"), words)))
    places = [option for option in known if option.positional][heads:]
    places += [option for option in named.values() if option.name not in given]
    lacking = [option.name for option in places if option.required]
    return f"{command} needs {' and '.join(lacking) or 'other words'}; see its --help"


def _grouped(words: Sequence[str]) -> dict[str, list[str]]:
    """The options among the words, each with the words up to the next one."""
    given: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word.partition("=")
            values = given[name] = [value] if equals else []
        else:
            values.append(word)
    return given


def _only(known: Sequence[Option], words: Sequence[str]) -> list[str]:
    """The words of the options that are known."""
    names = {option.name for option in known}
    given = {name: values for name, values in _grouped(words).items() if name in names}
    return [word for name, values in given.items() for word in (name, *values)]


def _spelled_as_we_do(name: str) -> str:
    return "--" + spelled(name[2:])


def _fits(kind: Any, values: Sequence[str]) -> bool:
    """Whether tyro reads the words as a value of this type."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            tyro.cli(kind, args=list(values), add_help=False)
    except SystemExit:
        return False
    return True


def _in_words(kind: Any) -> str:
    """What values a type has."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(str(value) for value in inner)
    if origin is tuple:
        return " or ".join(_in_words(one) for one in inner if one is not ...) + ", or several"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_in_words(one) for one in inner if one is not type(None))
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))
