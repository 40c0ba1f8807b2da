"""The demonstration files of OpenAI Baselines' HER: `.npz` with `obs`, `acs` and `info`.

    obs   [episodes] of L + 1 dictionaries: observation, achieved_goal, desired_goal
    acs   [episodes] of L actions
    info  [episodes] of L dictionaries with is_success

They are arrays of Python objects. NumPy reads these with `allow_pickle`, which can run any code in
the file, so the caller must confirm that the file is trusted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goalrelay.demos.dataset import KEYS, Demonstration
from goalrelay.errors import UsageError

NAMES = ("obs", "acs", "info")


def read(path: Path, trusted: bool) -> list[Demonstration]:
    """The episodes in a file; a reward is 0 with success and -1 without.

    Args:
        path: the file.
        trusted: whether code in the file may run.

    Raises:
        UsageError: the file is missing, not trusted, damaged, empty or of another layout.
    """
    if not path.exists():
        raise UsageError(f"no such file: {path}")
    if not trusted:
        raise UsageError(
            f"{path} is read by running what it says; if you trust where it comes from, say "
            "--trusted"
        )
    try:
        with np.load(path, allow_pickle=True) as file:
            missing = [name for name in NAMES if name not in file]
            if missing:
                raise UsageError(f"{path} has no '{missing[0]}'; Baselines' files have it")
            parts = [list(file[name]) for name in NAMES]
        episodes = [_episode(*episode) for episode in zip(*parts, strict=True)]
    except UsageError:
        raise
    except Exception as error:  # a damaged archive or another layout can raise anything
        reason = str(error).partition("\n")[0]
        raise UsageError(f"cannot read {path} as a file of Baselines: {reason}") from error
    if not episodes:
        raise UsageError(f"{path} holds no episode")
    return episodes


def _episode(
    timesteps: Sequence[dict[str, Any]], actions: Sequence[Any], infos: Sequence[dict[str, Any]]
) -> Demonstration:
    """A demonstration from L + 1 timesteps, L actions, L infos."""
    length = len(actions)
    if not length or len(timesteps) != length + 1 or len(infos) != length:
        raise ValueError(f"{len(timesteps)} timesteps, {length} actions, {len(infos)} infos")
    if not all("is_success" in info for info in infos):
        raise ValueError("its info has no 'is_success', which says when an episode succeeded")
    success = np.array([float(np.squeeze(info["is_success"])) for info in infos])
    return Demonstration(
        *(np.stack([np.asarray(timestep[key]) for timestep in timesteps]) for key in KEYS),
        action=np.stack([np.asarray(action) for action in actions]),
        reward=success - 1,
        terminated=False,
        success=success,
    )
