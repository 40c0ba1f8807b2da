"""A folder of demonstrations: a Minari dataset (HDF5), written whole or not at all.

    goalrelay:  read(folder)
    Minari:     minari.MinariDataset("FOLDER/data")

Numbers are kept as the task gave them (64 bits where it gave 64). Reading runs no code from the
dataset: a dataset whose spaces would have to be found by making its environment is refused.
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
from gymnasium.envs.registration import EnvSpec

from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError

TASK = "goalrelay_task"
"""Where the metadata names the task as `open_task` knows it."""
KEYS = ("observation", "achieved_goal", "desired_goal")


class Demonstration(NamedTuple):
    """One episode as the task gave it, L steps."""

    observation: np.ndarray
    """[L + 1, O]"""
    achieved_goal: np.ndarray
    """[L + 1, G]"""
    desired_goal: np.ndarray
    """[L + 1, G]"""
    action: np.ndarray
    """[L, A] in the task's own limits, or [L] int"""
    reward: np.ndarray
    """[L]"""
    terminated: bool
    """Whether the task ended the episode."""
    success: np.ndarray
    """[L] 1 or 0 after each step, NaN where nobody said"""
    seed: int | None = None
    """That the episode was reset with."""

    @property
    def length(self) -> int:
        """Number of steps L."""
        return len(self.action)


class Dataset(NamedTuple):
    """What a folder holds."""

    demonstrations: list[Demonstration]
    task: str | None
    """Id of the task, where the dataset says it."""
    about: str
    """Who demonstrates."""


def write(
    folder: Path,
    demonstrations: Sequence[Demonstration],
    task: Simulator,
    about: str,
    instead: bool = False,
) -> None:
    """Write a new folder; it appears whole or not at all.

    Args:
        folder: that does not exist yet.
        demonstrations: at least one.
        task: of which they are.
        about: who demonstrates.
        instead: the folder may exist, and this takes its place.

    Raises:
        UsageError: the folder exists, or there is nothing to write.
    """
    if not (instead and folder.exists()):
        check_new(folder)
    if not demonstrations:
        raise UsageError(f"there is no demonstration to write to {folder}")
    minari = _minari()
    buffer = importlib.import_module("minari.data_collector").EpisodeBuffer
    storage_kind = importlib.import_module("minari.dataset.minari_storage").MinariStorage
    beside = folder.resolve().with_name(f".{folder.name}.{os.getpid()}")
    before = beside.with_suffix(".before")
    try:
        (beside / "data").mkdir(parents=True)
        storage = storage_kind.new(
            beside / "data",
            observation_space=task.env.observation_space,
            action_space=task.env.action_space,
            env_spec=_storable(task.env.spec),
        )
        storage.update_metadata(
            {
                "dataset_id": _dataset_id(folder.name),
                "minari_version": minari.__version__,
                "algorithm_name": about,
                "description": f"{task.id}: {about}",
                TASK: task.id,
            }
        )
        storage.update_episodes([_buffered(buffer, d) for d in demonstrations])
        if folder.exists():  # a folder can only take the place of an empty one
            folder.replace(before)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)


def check_new(folder: Path) -> None:
    """Refuse a folder that exists or cannot be made, before long work is done for it.

    Raises:
        UsageError: it does, or cannot; or Minari is missing.
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
        folder: that `write` made, or any Minari dataset with a goal dictionary: the folder of the
            dataset, or its `data`.

    Raises:
        UsageError: no such dataset, damaged, empty, or without goals.
    """
    folder = Path(folder)
    data = folder if (folder / "metadata.json").exists() else folder / "data"
    if not (data / "metadata.json").exists():
        raise UsageError(f"{folder} holds no Minari dataset (no data/metadata.json in it)")
    _minari()
    try:
        facts = json.loads((data / "metadata.json").read_text())
        if not {"observation_space", "action_space"} <= facts.keys():
            raise UsageError(f"{folder} does not say what its observations and actions are")
        dataset = importlib.import_module("minari").MinariDataset(data)
        episodes = list(dataset.iterate_episodes())
        marks = dataset.storage.get_episode_metadata(dataset.episode_indices)
        seeds = [mark.get("seed") for mark in marks]
        known = facts.get(TASK) or json.loads(facts.get("env_spec", "{}")).get("id")
        demonstrations = [
            _unbuffered(folder, episode, seed)
            for episode, seed in zip(episodes, seeds, strict=True)
        ]
    except UsageError:
        raise
    except Exception as error:  # HDF5, JSON and Minari each raise their own kinds
        reason = str(error).partition("\n")[0]
        raise UsageError(f"cannot read the demonstrations in {folder}: {reason}") from error
    if not demonstrations:
        raise UsageError(f"the dataset in {folder} is empty")
    return Dataset(demonstrations, known, str(facts.get("algorithm_name", "unknown")))


def _storable(spec: EnvSpec | None) -> EnvSpec | None:
    """How the environment is made, unless it is made by an object that has no name."""
    try:
        return spec if spec is not None and spec.to_json() else None
    except (TypeError, ValueError):
        return None


def _buffered(buffer: Any, episode: Demonstration) -> Any:
    """An episode in Minari's words."""
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


def _unbuffered(folder: Path, episode: Any, seed: int | None) -> Demonstration:
    """An episode in our words.

    Raises:
        UsageError: it has no goals, no steps, or lengths that do not fit each other.
    """
    seen = episode.observations
    if not isinstance(seen, dict) or not set(KEYS) <= seen.keys():
        raise UsageError(f"the dataset in {folder} has no goals ({', '.join(KEYS)})")
    parts = [np.asarray(seen[key]) for key in KEYS]
    action = np.asarray(episode.actions)
    length = len(action)
    if not length or any(len(part) != length + 1 for part in parts):
        sizes = ", ".join(str(len(part)) for part in parts)
        raise UsageError(
            f"episode {episode.id} in {folder} is damaged: {length} actions, {sizes} moments"
        )
    infos = episode.infos or {}
    said = next((infos[k] for k in ("success", "is_success") if k in infos), None)
    success = np.full(length, np.nan) if said is None else np.asarray(said, float)[-length:]
    return Demonstration(
        *parts,
        action=action,
        reward=np.asarray(episode.rewards),
        terminated=bool(np.any(episode.terminations)),
        success=success,
        seed=seed,
    )


def _dataset_id(name: str) -> str:
    """The folder's name as an id that Minari accepts."""
    plain = re.sub(r"[^-_\w]+", "-", name).strip("-") or "demonstrations"
    return plain if re.search(r"-v\d+$", plain) else f"{plain}-v0"


def _minari() -> Any:
    try:
        importlib.import_module("h5py")
        return importlib.import_module("minari")
    except ImportError:
        raise UsageError("demonstrations need Minari: pip install 'goalrelay[minari]'") from None
