"""A policy on its own: what acts, saved as safetensors + JSON, loaded without running any code.

policy = goalrelay.load("runs/FetchReach-v4/her/seed-0")
action = policy(observation)          # the dictionary (or array) that Gymnasium gives
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors.numpy import load_file, save_file

from goalrelay import learners, methods
from goalrelay.errors import UsageError
from goalrelay.files import read_json, write_atomically, write_json
from goalrelay.goals import Progress
from goalrelay.networks import MLP
from goalrelay.normalizer import Moments, normalize
from goalrelay.settings import from_dict, to_dict
from goalrelay.types import Observation, Pair, Part, Spec, Stage, Symmetry, Turn

FORMAT = 2
BEST, LAST = "policy", "policy-last"


@dataclass(frozen=True)
class Policy:
    """A deterministic policy with everything it needs: NumPy arrays and names."""

    task: str
    task_options: tuple[str, ...]
    method_name: str
    method: Any
    """The method's configuration."""
    learner_name: str
    spec: Spec
    action_low: np.ndarray
    """[A] the task's own action limits (empty for discrete actions)"""
    action_high: np.ndarray
    actor: MLP
    moments: Moments

    def __call__(self, observation: Any) -> Any:
        """Gymnasium observation -> Gymnasium action.

        Args:
            observation: a goal task's dictionary, or a flat task's array.
        """
        if self.spec.goal_size:
            keys = ("observation", "achieved_goal", "desired_goal")
            parts = (np.asarray(observation[key], np.float32) for key in keys)
        else:
            flat = np.asarray(observation, np.float32)
            parts = (flat, np.zeros(1, np.float32), np.zeros(0, np.float32))
        action = self.act(Observation(*parts))
        if self.spec.discrete:
            return int(action)
        half, centre = (self.action_high - self.action_low) / 2, self.action_high + self.action_low
        return (centre / 2 + half * action.clip(-1, 1)).astype(np.float32)

    def act(self, observation: Observation) -> np.ndarray:
        """Normalised action of one moment, without noise."""
        method = methods.find(self.method_name)
        return method.act(self.method, self.spec, self.network, observation)

    def begin(
        self, progress: Progress, rng: np.random.Generator
    ) -> Callable[[Observation], np.ndarray]:
        """What acts in one training episode, exploration included."""
        method = methods.find(self.method_name)
        return method.begin(self.method, self.spec, self.network, progress, rng)

    def network(self, inputs: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Action for raw inputs [D]; a stochastic policy samples when rng is given."""
        learner = learners.find(self.learner_name)
        return learner.act(self.actor, normalize(self.moments, inputs), rng)

    def save(self, folder: Path, name: str = BEST) -> None:
        """Write `name.safetensors` and `name.json` into the folder, each atomically."""
        tensors = {f"weights.{i}": w for i, w in enumerate(self.actor.weights)}
        tensors |= {f"biases.{i}": b for i, b in enumerate(self.actor.biases)}
        tensors |= {f"moments.{k}": v for k, v in self.moments._asdict().items()}
        tensors |= {"action_low": self.action_low, "action_high": self.action_high}
        arrays = {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}
        write_atomically(folder / f"{name}.safetensors", lambda path: save_file(arrays, path))
        about = {
            "format": FORMAT,
            "task": self.task,
            "task_options": list(self.task_options),
            "method": self.method_name,
            "settings": to_dict(self.method),
            "learner": self.learner_name,
            "layers": len(self.actor.weights),
            "spec": self.spec._asdict(),
        }
        write_json(folder / f"{name}.json", about)


def load(path: str | Path) -> Policy:
    """The policy of a run folder (its best), of a `.safetensors` or of a `.json` file.

    Raises:
        UsageError: missing, damaged, or written by another version.
    """
    stem = _stem(Path(path))
    about = read_json(stem.with_suffix(".json"))
    tensor_file = stem.with_suffix(".safetensors")
    if about.get("format") != FORMAT:
        raise UsageError(f"{stem.with_suffix('.json')} is not a goalrelay policy of this version")
    try:
        tensors = load_file(tensor_file)
        layers = range(about["layers"])
        actor = MLP(
            tuple(tensors[f"weights.{i}"] for i in layers),
            tuple(tensors[f"biases.{i}"] for i in layers),
        )
        moments = Moments(**{k: tensors[f"moments.{k}"] for k in Moments._fields})
        spec = _spec(about["spec"])
        learners.find(about["learner"])
        method = methods.find(about["method"])
        settings = from_dict(method.Config(), about["settings"])
        inputs = method.input_size(settings, spec)
        sizes = [inputs, *(len(bias) for bias in actor.biases)]
        shapes = [weight.shape for weight in actor.weights]
        if shapes != list(itertools.pairwise(sizes)):
            raise UsageError(f"{tensor_file}: layers {shapes} do not fit its task")
        return Policy(
            about["task"],
            tuple(about["task_options"]),
            about["method"],
            settings,
            about["learner"],
            spec,
            tensors["action_low"],
            tensors["action_high"],
            actor,
            moments,
        )
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(f"no such file: {tensor_file}") from None
    except Exception as error:  # safetensors raises its own kinds for damaged files
        raise UsageError(f"cannot read the policy {tensor_file}: {error}") from error


def _spec(about: dict[str, Any]) -> Spec:
    """The spec as it was before JSON made lists of its tuples."""
    spec = Spec(**about)
    stages = tuple(_stage(values) for values in spec.stages)
    limits = None if spec.reward_range is None else tuple(spec.reward_range)
    return spec._replace(reward_range=limits, stages=stages, absolute=tuple(spec.absolute))


def _stage(values: Any) -> Stage:
    stage = Stage(*values)
    first, *also = (
        Pair(*(Part(source, tuple(columns)) for source, columns in pair))
        for pair in ((stage.achieved, stage.desired), *stage.also)
    )
    view = None
    if stage.view is not None:
        name, *turns = cast(Any, stage.view)
        view = Symmetry(name, *(Turn(*(tuple(column) for column in turn)) for turn in turns))
    return stage._replace(
        achieved=first.achieved, desired=first.desired, also=tuple(also), view=view
    )


def _stem(path: Path) -> Path:
    """The path of a policy's two files without their endings."""
    if path.suffix in (".safetensors", ".json"):
        return path.with_suffix("")
    if not path.exists():
        raise UsageError(f"no such run or policy: {path}")
    for name in (BEST, LAST):
        if (path / f"{name}.safetensors").exists():
            return path / name
    raise UsageError(f"{path} holds no policy yet")
