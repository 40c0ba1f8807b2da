"""A folder of demonstrations: a Minari dataset (HDF5), written atomically.

    goalrelay:  read(folder)
    Minari:     minari.MinariDataset("FOLDER/data")

Numbers keep the precision of the task (64 bits if it has 64). Reading runs no code from the
dataset. So a dataset without observation and action space is refused, since Minari would make its
environment to get them.
"""

import importlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from goalrelay import install
from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError

TASK = "goalrelay_task"
"""Key of the metadata for the task's id, as `open_task` takes it."""
KEYS = ("observation", "achieved_goal", "desired_goal")


class Demonstration(NamedTuple):
    """One episode of L steps, in the task's own units."""

    observation: np.ndarray
    """[L + 1, O]"""
    achieved_goal: np.ndarray
    """[L + 1, G]"""
    desired_goal: np.ndarray
    """[L + 1, G]"""
    action: np.ndarray
    """[L, A] within the task's own limits, or [L] int"""
    reward: np.ndarray
    """[L]"""
    terminated: bool
    """Whether the task ended the episode."""
    success: np.ndarray
    """[L] 1 or 0 after each step; NaN: unknown"""
    seed: int | None = None
    """Of the reset."""

    @property
    def length(self) -> int:
        """Number of steps L."""
        return len(self.action)


class Dataset(NamedTuple):
    """The content of a folder."""

    demonstrations: list[Demonstration]
    task: str | None
    """Id of the task; None: the dataset does not name it."""
    about: str
    """The demonstrator, in words."""


def write(
    folder: Path,
    demonstrations: Sequence[Demonstration],
    task: Simulator,
    about: str,
    instead: bool = False,
) -> None:
    """Write a folder of demonstrations atomically.

    Args:
        folder: must not exist, unless `instead` is true.
        demonstrations: at least one.
        task: the task that they are of.
        about: the demonstrator, in words.
        instead: replace the folder if it exists.

    Raises:
        UsageError: the folder exists, no demonstration is given, or Minari is missing.
    """
    if not (instead and folder.exists()):
        check_new(folder)
    if not demonstrations:
        raise UsageError(f"there is no demonstration to write to {folder}")
    temporary = folder.resolve().with_name(f".{folder.name}.{os.getpid()}")
    old = temporary.with_suffix(".before")
    try:
        (temporary / "data").mkdir(parents=True)
        _store(temporary / "data", folder.name, demonstrations, task, about)
        if folder.exists():  # a rename can only replace an empty folder
            folder.replace(old)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _store(
    data: Path, name: str, demonstrations: Sequence[Demonstration], task: Simulator, about: str
) -> None:
    """Fill an empty folder with a Minari dataset of this name."""
    minari = _minari()
    buffer = importlib.import_module("minari.data_collector").EpisodeBuffer
    storage_kind = importlib.import_module("minari.dataset.minari_storage").MinariStorage
    storage = storage_kind.new(
        data,
        observation_space=_stored_space(task),
        action_space=task.env.action_space,
        env_spec=_storable(task.env.spec),
    )
    storage.update_metadata(
        {
            "dataset_id": _dataset_id(name),
            "minari_version": minari.__version__,
            "algorithm_name": about,
            "description": f"{task.id}: {about}",
            TASK: task.id,
        }
    )
    storage.update_episodes([_to_minari(buffer, d) for d in demonstrations])


def _stored_space(task: Simulator) -> Any:
    """The space of what is stored: the task's own, or a plain one for what is laid out anew."""
    layouts = task.interface.layouts
    if all(len(layout) == 1 and len(layout[0].shape) == 1 for layout in layouts) and not any(
        layout[0].choices for layout in layouts
    ):
        return task.env.observation_space
    sizes = [sum(part.size for part in layout) for layout in layouts]
    boxes = [spaces.Box(-np.inf, np.inf, (size,), np.float64) for size in sizes]
    return spaces.Dict(dict(zip(KEYS, boxes, strict=True)))


def check_new(folder: Path) -> None:
    """Check that a folder can be made; called before demonstrations are collected for it.

    Raises:
        UsageError: the folder exists or cannot be made, or Minari is missing.
    """
    _minari()
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another --out or remove it")
    try:
        folder.mkdir(parents=True)
        folder.rmdir()
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be written: {error.strerror}") from None


def read(folder: str | Path) -> Dataset:
    """The demonstrations in a folder, in their order.

    Args:
        folder: a Minari dataset with a goal dictionary (the folder of `write` is one), or the
            folder `data` in it.

    Raises:
        UsageError: the dataset is missing, damaged, empty or without goals.
    """
    folder = Path(folder)
    data = folder if (folder / "metadata.json").exists() else folder / "data"
    if not (data / "metadata.json").exists():
        raise UsageError(f"{folder} holds no Minari dataset (no data/metadata.json in it)")
    _minari()
    try:
        metadata = json.loads((data / "metadata.json").read_text())
        if not {"observation_space", "action_space"} <= metadata.keys():
            raise UsageError(f"{folder} does not say what its observations and actions are")
        dataset = importlib.import_module("minari").MinariDataset(data)
        episodes = list(dataset.iterate_episodes())
        of_episodes = dataset.storage.get_episode_metadata(dataset.episode_indices)
        seeds = [values.get("seed") for values in of_episodes]
        task_id = metadata.get(TASK) or json.loads(metadata.get("env_spec", "{}")).get("id")
        demonstrations = [
            _from_minari(folder, episode, seed)
            for episode, seed in zip(episodes, seeds, strict=True)
        ]
    except UsageError:
        raise
    except Exception as error:  # HDF5, JSON and Minari have errors of their own
        reason = str(error).partition("\n")[0]
        raise UsageError(f"cannot read the demonstrations in {folder}: {reason}") from error
    if not demonstrations:
        raise UsageError(f"the dataset in {folder} is empty")
    return Dataset(demonstrations, task_id, str(metadata.get("algorithm_name", "unknown")))


def _storable(spec: EnvSpec | None) -> EnvSpec | None:
    """The environment's spec if JSON can hold it; a spec with a callable without a name cannot."""
    try:
        return spec if spec is not None and spec.to_json() else None
    except (TypeError, ValueError):
        return None


def _to_minari(buffer: Any, episode: Demonstration) -> Any:
    """An episode as Minari's `EpisodeBuffer`."""
    ends = np.zeros((2, episode.length), bool)
    ends[0 if episode.terminated else 1, -1] = True
    return buffer(
        seed=episode.seed,
        observations=dict(zip(KEYS, episode[:3], strict=True)),
        actions=episode.action,
        rewards=episode.reward,
        terminations=ends[0],
        truncations=ends[1],
        infos={"success": np.append(np.nan, episode.success)},  # the first is of the reset
    )


def _from_minari(folder: Path, episode: Any, seed: int | None) -> Demonstration:
    """A demonstration from Minari's `EpisodeData`.

    Raises:
        UsageError: it has no goals, no steps, or arrays of inconsistent lengths.
    """
    observations = episode.observations
    if not isinstance(observations, dict) or not set(KEYS) <= observations.keys():
        raise UsageError(f"the dataset in {folder} has no goals ({', '.join(KEYS)})")
    parts = [np.asarray(observations[key]) for key in KEYS]
    action = np.asarray(episode.actions)
    length = len(action)
    if not length or any(len(part) != length + 1 for part in parts):
        sizes = ", ".join(str(len(part)) for part in parts)
        raise UsageError(
            f"episode {episode.id} in {folder} is damaged: {length} actions, {sizes} moments"
        )
    infos = episode.infos or {}
    stored = next((infos[k] for k in ("success", "is_success") if k in infos), None)
    success = np.full(length, np.nan) if stored is None else np.asarray(stored, float)[-length:]
    return Demonstration(
        *parts,
        action=action,
        reward=np.asarray(episode.rewards),
        terminated=bool(np.any(episode.terminations)),
        success=success,
        seed=seed,
    )


def _dataset_id(name: str) -> str:
    """The folder's name as a valid id of Minari."""
    plain = re.sub(r"[^-_\w]+", "-", name).strip("-") or "demonstrations"
    return plain if re.search(r"-v\d+$", plain) else f"{plain}-v0"


def _minari() -> Any:
    try:
        importlib.import_module("h5py")
        return importlib.import_module("minari")
    except ImportError:
        raise UsageError(f"demonstrations need Minari: {install.extra('minari')}") from None
