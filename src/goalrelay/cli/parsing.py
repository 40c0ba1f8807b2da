"""Words of the command line -> frozen dataclasses, with tyro; errors are one line.

`parse` calls tyro. If tyro refuses the words, `_complaint` finds the first option that does not
exist or has a wrong value, and makes a message with the nearest match.

A group of options called `variant` is parsed like any other, but `--help` does not list it:
`folded` hides it. One line below the help names it.
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
"""Name of the groups that `--help` does not list."""
HELP = {"-h", "--help"}
REGISTRY = tyro.constructors.ConstructorRegistry()
_WORDS = {int: "a whole number", float: "a number", str: "a word", Path: "a path"}


class Option(typing.NamedTuple):
    """An option or a positional argument, in the spelling of the command line."""

    name: str
    """`--learner.gamma`, or `TASK` for a positional argument."""
    kind: Any
    """The type of its value."""
    positional: bool
    required: bool


class _BadPath(Exception):
    """A word that is no path, and the reason."""


def _path(word: str) -> Path:
    """The path of a word. A leading `~` is the home folder: in `--out=~/runs` no shell expands it.

    Raises:
        _BadPath: there is no such path.
    """
    if not word:
        raise _BadPath(word, "must not be empty ('.' is the current folder)")
    if not word.startswith("~"):  # behind `./` it is a name like any other
        return Path(word)
    try:
        return Path(word).expanduser()
    except RuntimeError:
        user = Path(word).parts[0]
        hint = f"'./{word}' is a path with that name in it"
        raise _BadPath(word, f"'{word}': there is no home folder '{user}'; {hint}") from None


@REGISTRY.primitive_rule
def _paths(info: tyro.constructors.PrimitiveTypeInfo) -> Any:
    """How tyro reads paths."""
    if info.type is not Path:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: _path(words[0]),
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
    """Parse the words of a command.

    Args:
        kind: dataclass of the command.
        words: after the name of the command.
        command: its name.
        default: an instance of the dataclass with default values.
        others_follow: ignore unknown options, which a second call will parse.

    Raises:
        UsageError: an option does not exist, lacks its value or has a wrong one.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # hide tyro's own messages
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
        existing = list(options(kind, default))
        if others_follow:
            words = _only(existing, words)
        raise UsageError(_complaint(existing, words, command)) from None
    except _BadPath as error:
        word, reason = error.args
        name = _option_of_path(list(options(kind, default)), words, word)
        raise UsageError(f"{name} {reason}") from None
    if unknown and not others_follow:
        raise UsageError(_complaint(list(options(kind, default)), words, command, unknown[0]))
    return parsed


def options(kind: Any, value: Any = None, prefix: str = "") -> Iterator[Option]:
    """All options of a dataclass, nested dataclasses included.

    Args:
        kind: the dataclass.
        value: an instance with the defaults; None: use the fields' defaults.
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
    """A copy in which `--help` does not list the group `variant`.

    It is for the help only, since the options of the group cannot be parsed from it.
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
    """Whether a dataclass has a group `variant`."""
    return dataclasses.is_dataclass(getattr(config, FOLDED, None))


def _complaint(
    existing: Sequence[Option], words: Sequence[str], command: str, unknown: str | None = None
) -> str:
    """The error in the words, in one line that names the option."""
    named = {option.name: option for option in existing if not option.positional}
    given = _grouped(words)
    for name, values in given.items():
        option = named.get("--" + spelled(name[2:]))
        if option is None:
            near = suggest(name[2:], [other[2:] for other in named])
            near = hint(name[2:]) or near.replace("'", "--", 1).replace("'", "")
            return f"unknown option {name}{near}"
        if unknown is None and option.kind is not bool and not _fits(option.kind, values):
            wrong = f", not '{' '.join(values)}'" if values else ""
            return f"{name} takes {_in_words(option.kind)}{wrong}"
    if unknown is not None:
        return f"'{unknown}' is one word too many for `goalrelay {command}`; see --help"
    heads = len(list(itertools.takewhile(lambda word: not word.startswith("--"), words)))
    absent = [option for option in existing if option.positional][heads:]
    absent += [option for option in named.values() if option.name not in given]
    missing = [option.name for option in absent if option.required]
    return f"{command} needs {' and '.join(missing) or 'other words'}; see its --help"


def _grouped(words: Sequence[str]) -> dict[str, list[str]]:
    """The options among the words -> the words up to the next option."""
    given: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word.partition("=")
            values = given[name] = [value] if equals else []
        else:
            values.append(word)
    return given


def _option_of_path(existing: Sequence[Option], words: Sequence[str], word: str) -> str:
    """The name of the option, or of the positional argument, that has this word as its path."""
    of_paths = [one for one in existing if one.kind is Path or Path in typing.get_args(one.kind)]
    given = _grouped(words)
    named = [one.name for one in of_paths if given.get(one.name, [])[:1] == [word]]
    return [*named, *(one.name for one in of_paths if one.positional)][0]


def _only(existing: Sequence[Option], words: Sequence[str]) -> list[str]:
    """The words without options that do not exist."""
    names = {option.name for option in existing}
    given = {name: values for name, values in _grouped(words).items() if name in names}
    return [word for name, values in given.items() for word in (name, *values)]


def _fits(kind: Any, values: Sequence[str]) -> bool:
    """Whether tyro accepts the words as a value of this type."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            tyro.cli(kind, args=list(values), add_help=False)
    except SystemExit:
        return False
    return True


def _in_words(kind: Any) -> str:
    """The values of a type, in words."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(str(value) for value in inner)
    if origin is tuple:
        return " or ".join(_in_words(one) for one in inner if one is not ...) + ", or several"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_in_words(one) for one in inner if one is not type(None))
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))
