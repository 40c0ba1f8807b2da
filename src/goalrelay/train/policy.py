"""A trained policy without its run: saved as safetensors and JSON, loaded without running code.

policy = goalrelay.load("runs/FetchReach-v4/her/seed-0")
action = policy(observation)          # the dictionary (or array) that Gymnasium gives
"""

import functools
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from goalrelay import methods
from goalrelay.data.finite import observed
from goalrelay.data.interface import Interface
from goalrelay.data.rollout import Simulator
from goalrelay.errors import Notice, UsageError, first_line
from goalrelay.files import read_json, write_json
from goalrelay.learners.networks import CONVOLUTIONS, MLP, features, kernel_shapes
from goalrelay.learners.normalizer import Moments
from goalrelay.learners.weights import Weights
from goalrelay.methods.acting import Acting
from goalrelay.methods.base import Act, Method
from goalrelay.settings import from_dict, to_dict
from goalrelay.tasks.goal_task import check_trusted, open_task
from goalrelay.train import description
from goalrelay.train.description import About, difference, task_to_json
from goalrelay.train.tensors import CHECKSUM, checksum
from goalrelay.train.tensors import read as read_tensors
from goalrelay.train.tensors import write as write_tensors
from goalrelay.types import NO_IMAGE, Network, Observation, Snapshot, Spec, Task

FORMAT, WITHOUT_CHECKSUM = 6, 5
"""Formats that are read; the files of the second one may lack a checksum."""
BEST, LAST = "policy", "policy-last"


@dataclass(frozen=True)
class Policy:
    """A policy with all that acting needs: NumPy arrays and names."""

    task: str
    """Id of the task."""
    task_options: tuple[str, ...]
    method_name: str
    method: Method
    learner_name: str
    interface: Interface
    """Conversion of the task's observations and actions."""
    actors: tuple[MLP, ...]
    """Of each level, in the order of `Method.levels`."""
    moments: tuple[Moments, ...]
    """Of each level: normalisation of its inputs."""

    def __call__(self, observation: Any) -> Any:
        """Gymnasium observation -> Gymnasium action.

        Args:
            observation: a goal task's dictionary, or a flat task's array.

        Raises:
            UsageError: a hierarchy, which keeps its sub-goal between steps (see `episode`), or an
                observation of another size, such as a batch, or with numbers that are not finite.
        """
        if len(self.actors) > 1:
            raise UsageError("a hierarchical policy acts by policy.episode()(observation)")
        return self.episode()(observation)

    def episode(self) -> Callable[[Any], Any]:
        """A policy for one episode: Gymnasium observation -> Gymnasium action."""
        act, interface = self.act(), self.interface
        native = interface.actions.native
        return lambda observation: native(act(observed(interface, observation)))

    def act(self, stage: int | None = None) -> Act:
        """A policy for one episode without noise: `Observation` -> action in [-1, 1].

        Args:
            stage: number of the stage whose goal a relay policy pursues; None: as in evaluation.
        """
        snapshot = Snapshot(self.networks)
        if stage is None:
            return self.method.act(snapshot, None)
        return self.method.act_in_stage(snapshot, stage)

    def evaluated_stage(self, observation: Observation) -> int | None:
        """Number of the stage that acts in evaluation; None: the method has no stages."""
        return self.method.evaluated_stage(observation)

    @property
    def spec(self) -> Spec:
        """Of the task."""
        return self.method.task.spec

    @functools.cached_property
    def weights(self) -> Weights:
        """The networks with the statistics of their inputs."""
        return Weights(self.learner_name, self.actors, self.moments)

    @property
    def networks(self) -> tuple[Network, ...]:
        """Of each level: raw inputs [..., D], generator -> actions (see `types.Network`)."""
        return self.weights.networks

    def acting(self) -> Acting:
        """What acts in episodes of evaluation, for a collector."""
        return Acting(self.method, self.weights, Snapshot(()), noise=False)

    def subgoal_position(self, observation: Observation, decision: np.ndarray) -> np.ndarray | None:
        """Target position [P] of a hierarchy's sub-goal, world frame; None: it has none."""
        return self.method.subgoal_position(observation, decision)

    def save(self, folder: Path, name: str = BEST) -> None:
        """Write `name.safetensors` and `name.json` to the folder, each atomically."""
        tensors = {}
        for n, (actor, moments) in enumerate(zip(self.actors, self.moments, strict=True)):
            for kind, layers in actor._asdict().items():
                tensors |= {f"{n}.{kind}.{i}": layer for i, layer in enumerate(layers)}
            tensors |= {f"{n}.moments.{k}": v for k, v in moments._asdict().items()}
        arrays = {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}
        actions = self.interface.actions
        arrays |= {"action_low": actions.low, "action_high": actions.high}  # of the task's type
        about = self._about()
        check = {CHECKSUM: checksum(arrays, about)}  # beside the tensors: one file, one rename
        write_tensors(folder / f"{name}.safetensors", arrays, check)
        write_json(folder / f"{name}.json", about)

    def _about(self) -> dict[str, Any]:
        """The description in the JSON file."""
        return {
            "format": FORMAT,
            "task": self.task,
            "task_options": list(self.task_options),
            "method": self.method_name,
            "settings": to_dict(self.method.config),
            "learner": self.learner_name,
            "layers": [len(actor.weights) for actor in self.actors],
            "layer_norm": [bool(actor.gains) for actor in self.actors],
            **task_to_json(self.method.task),
            "actions": [
                self.interface.actions.shape,
                self.interface.actions.choices,
                self.interface.actions.first,
            ],
            "layouts": self.interface.layouts,
            "images": self.interface.images,
        }


def load(path: str | Path) -> Policy:
    """The policy of a run folder (its best), of a `.safetensors` or of a `.json` file.

    Raises:
        UsageError: a file is missing, damaged, or of another version.
    """
    stem = _stem(Path(path))
    about_file = stem.with_name(f"{stem.name}.json")
    tensor_file = stem.with_name(f"{stem.name}.safetensors")
    values = read_json(about_file)
    if values.get("format") not in (FORMAT, WITHOUT_CHECKSUM):
        raise UsageError(f"{about_file} is not a goalrelay policy of this version")
    try:
        tensors = _Tensors(_checked(tensor_file, values))
        about = description.read(values, tensors, tensor_file.stat().st_size)
        method = _method(about)
        policy = Policy(
            about.task,
            about.task_options,
            about.method,
            method,
            about.learner,
            description.interface_of(about, tensors),
            *_networks(tensors, method, about, tensor_file),
        )
        _try(policy)
        return policy
    except UsageError as error:
        where = "" if str(tensor_file) in str(error) else f"{about_file}: "
        raise UsageError(f"{where}{error}") from None
    except FileNotFoundError:
        raise UsageError(f"no such file: {tensor_file}") from None
    except Exception as error:  # safetensors has its own errors for damaged files
        raise UsageError(f"cannot read the policy {tensor_file}: {first_line(error)}") from error


def load_to_run(path: str | Path, trust: bool) -> Policy:
    """The policy of a path, whose task will be opened.

    Raises:
        UsageError: see `load`; or the task is of a module that only the file names, without trust.
    """
    policy = load(path)
    check_trusted(policy.task, path, trust)
    return policy


def _checked(file: Path, about: dict[str, Any]) -> dict[str, np.ndarray]:
    """The tensors of a file, by name.

    Raises:
        UsageError: they, or their description, are not those that were written.
    """
    tensors, metadata = read_tensors(file)
    written = metadata.get(CHECKSUM)
    if written is None and about["format"] == WITHOUT_CHECKSUM:
        return tensors
    if written != checksum(tensors, about):
        raise UsageError(
            f"{file} or {file.with_suffix('.json').name} beside it is damaged: the checksum of the "
            "policy is another"
        )
    return tensors


def open_fitting(policy: Policy, render_mode: str | None = None) -> Simulator:
    """The task of a policy.

    Args:
        policy: that will act in it.
        render_mode: Gymnasium's, for recording.

    Raises:
        UsageError: it is not installed, or its observations or actions are not those that the
            policy was trained on.
    """
    task = open_task(policy.task, policy.task_options, render_mode)
    then, now = (
        f"{spec.observation_size} numbers in the observation, {spec.goal_size} in the goal, "
        f"{spec.action_size} {'actions' if spec.discrete else 'in the action'}"
        + (f", images of {' x '.join(map(str, spec.image))}" if spec.image else "")
        for spec in (policy.spec, task.spec)
    )
    if then == now:
        then, now = difference(policy.interface, task.interface) or ("", "")
    if then != now:
        task.close()
        raise UsageError(f"the policy was trained with {then}; task '{task.id}' has {now}")
    return task


def _method(about: About) -> Method:
    """The method of a saved policy, without reward and discount: it only acts."""
    kind = methods.find(about.method)
    task = Task(about.spec, _no_reward, _no_reward, about.symmetries)
    return kind(from_dict(kind.Config(), about.settings), task, 0.0)


class _Tensors(dict[str, np.ndarray]):
    """The tensors of a policy by name."""

    def __missing__(self, name: str) -> np.ndarray:
        raise UsageError(f"the tensor '{name}' is missing from the .safetensors file beside it")


def _try(policy: Policy) -> None:
    """Let a policy act once, on zeros.

    Raises:
        UsageError: it cannot.
    """
    spec = policy.spec
    sizes = (spec.observation_size, spec.achieved_size, spec.goal_size)
    image = np.zeros(spec.image, np.uint8) if spec.image else NO_IMAGE
    observation, achieved, desired = (np.zeros(size, np.float32) for size in sizes)
    zeros = Observation(observation, achieved, desired, image)
    try:
        with np.errstate(all="ignore"):
            for network, level in zip(policy.networks, policy.method.levels, strict=True):
                inputs = np.zeros(level.normalized.shape, np.float32)
                shape = network(inputs, None, image).shape
                if shape != (() if level.spec.discrete else (level.spec.action_size,)):
                    raise UsageError(f"its network gives actions of shape {shape}")
            policy.interface.actions.native(policy.act()(zeros))
    except Exception as error:  # of a wrong column, of a wrong shape
        raise UsageError(f"the policy cannot act: {first_line(error)}") from error


def _no_reward(*_: np.ndarray) -> np.ndarray:
    raise UsageError("a policy alone has no reward function; open its task")


def _networks(
    tensors: dict[str, np.ndarray],
    method: Method,
    about: About,
    file: Path,
) -> tuple[tuple[MLP, ...], tuple[Moments, ...]]:
    """The networks and input statistics of each level.

    Args:
        tensors: by name.
        method: says which inputs a network has.
        about: says how many layers a network has.
        file: for messages.

    Raises:
        UsageError: their sizes do not fit the task.
    """
    actors, moments, levels = [], [], len(method.levels)
    layers, norms_of = about.layers, about.layer_norm
    if [len(layers), len(norms_of)] != [levels, levels] or min(layers) < 1:
        raise UsageError(f"'layers' and 'layer_norm' must be of {levels} networks")
    for n, (level, count, layer_norm) in enumerate(
        zip(method.levels, layers, norms_of, strict=True)
    ):
        hidden = count - 1 if layer_norm else 0
        image = level.spec.image
        counts = {"weights": count, "biases": count, "gains": hidden, "shifts": hidden}
        counts |= dict.fromkeys(("kernels", "offsets"), len(CONVOLUTIONS) if image else 0)
        weights, biases, gains, shifts, kernels, offsets = (
            tuple(tensors[f"{n}.{kind}.{i}"] for i in range(each)) for kind, each in counts.items()
        )
        if any(vector.ndim != 1 for vector in (*biases, *gains, *shifts, *offsets)):
            raise UsageError(f"{file}: a tensor that should be a vector is none")
        sizes = [features(image) + len(level.normalized), *(len(bias) for bias in biases)]
        shapes = [weight.shape for weight in weights]
        norms = [len(array) for array in (*gains, *shifts)]
        if shapes != list(itertools.pairwise(sizes)) or norms != (sizes[1:-1] * 2)[: 2 * hidden]:
            raise UsageError(f"{file}: layers {shapes} do not fit its task")
        if image and [kernel.shape for kernel in kernels] != kernel_shapes(image[-1]):
            raise UsageError(f"{file}: its image encoder does not fit its task")
        actors.append(MLP(weights, biases, gains, shifts, kernels, offsets))
        moments.append(Moments(**{k: tensors[f"{n}.moments.{k}"] for k in Moments._fields}))
        mean, std, clip = moments[-1]
        if {mean.shape, std.shape} != {level.normalized.shape} or clip.size != 1:
            raise UsageError(f"{file}: its statistics of the inputs do not fit its task")
    return tuple(actors), tuple(moments)


def _stem(path: Path) -> Path:
    """Path of a policy's two files, without ending."""
    if path.suffix in (".safetensors", ".json") and not path.is_dir():
        return path.with_suffix("")
    if not path.exists():
        raise UsageError(f"no such run or policy: {path}")
    for name in (BEST, LAST):
        if (path / f"{name}.safetensors").exists():
            if name == LAST:
                warnings.warn(
                    Notice(f"{path} has no best policy, its newest is used"), stacklevel=3
                )
            return path / name
    raise UsageError(f"{path} holds no policy yet")
