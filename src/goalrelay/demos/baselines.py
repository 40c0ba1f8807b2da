"""The demonstration files of OpenAI Baselines' HER: `.npz` with `obs`, `acs` and `info`.

    obs   [episodes] of L + 1 dictionaries: observation, achieved_goal, desired_goal
    acs   [episodes] of L actions
    info  [episodes] of L dictionaries with is_success

They are arrays of Python objects, which NumPy can only read by running what the file says
(`allow_pickle`); so the caller must say that it comes from someone trusted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goalrelay.demos.dataset import KEYS, Demonstration
from goalrelay.errors import UsageError

NAMES = ("obs", "acs", "info")


def read(path: Path, trusted: bool) -> list[Demonstration]:
    """The episodes in a file; their rewards are 0 where the goal held and -1 elsewhere.

    Args:
        path: the file.
        trusted: whether it may run code.

    Raises:
        UsageError: not trusted, missing, damaged, empty, or of another layout.
    """
    if not path.exists():
        raise UsageError(f"no such file: {path}")
    if not trusted:
        raise UsageError(
            f"{path} is read by running what it says; if you trust where it comes from, say "
            "--trusted"
        )
    try:
        with np.load(path, allow_pickle=True) as found:
            missing = [name for name in NAMES if name not in found]
            if missing:
                raise UsageError(f"{path} has no '{missing[0]}'; Baselines' files have it")
            parts = [list(found[name]) for name in NAMES]
        episodes = [_episode(*facts) for facts in zip(*parts, strict=True)]
    except UsageError:
        raise
    except Exception as error:  # whatever a damaged archive or a foreign layout raises
        reason = str(error).partition("\n")[0]
        raise UsageError(f"cannot read {path} as a file of Baselines: {reason}") from error
    if not episodes:
        raise UsageError(f"{path} holds no episode")
    return episodes


def _episode(
    moments: Sequence[dict[str, Any]], actions: Sequence[Any], infos: Sequence[dict[str, Any]]
) -> Demonstration:
    length = len(actions)
    if not length or len(moments) != length + 1 or len(infos) != length:
        raise ValueError(f"{len(moments)} moments, {length} actions, {len(infos)} infos")
    success = np.array([float(np.squeeze(info["is_success"])) for info in infos])
    return Demonstration(
        *(np.stack([np.asarray(moment[key]) for moment in moments]) for key in KEYS),
        action=np.stack([np.asarray(action) for action in actions]),
        reward=success - 1,
        terminated=False,
        success=success,
    )
