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
from goalrelay.types import (
    Body,
    Difference,
    Observation,
    Pair,
    Part,
    Spec,
    Stage,
    Symmetry,
    Turn,
)

FORMAT = 3
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
    actors: tuple[MLP, ...]
    """of each level, the one that acts first"""
    moments: tuple[Moments, ...]
    """of each level"""
    first_action: int = 0
    """number of the task's first discrete action; networks count from 0"""

    def __call__(self, observation: Any) -> Any:
        """Gymnasium observation -> Gymnasium action.

        Args:
            observation: a goal task's dictionary, or a flat task's array.

        Raises:
            UsageError: it is a hierarchy, which remembers its sub-goal: see `episode`.
        """
        if len(self.actors) > 1:
            raise UsageError("a hierarchical policy acts by policy.episode()(observation)")
        return self.episode()(observation)

    def episode(self) -> Callable[[Any], Any]:
        """For one episode: Gymnasium observation -> Gymnasium action."""
        act = self.play()
        return lambda observation: self._native(act(self._moment(observation)))

    def _moment(self, observation: Any) -> Observation:
        """A Gymnasium observation, as methods know it."""
        if self.spec.goal_size:
            keys = ("observation", "achieved_goal", "desired_goal")
            parts = (np.asarray(observation[key], np.float32) for key in keys)
        else:
            flat = np.asarray(observation, np.float32)
            parts = (flat, np.zeros(1, np.float32), np.zeros(0, np.float32))
        return Observation(*parts)

    def _native(self, action: np.ndarray) -> Any:
        """A decision as the task takes it."""
        if self.spec.discrete:
            return self.first_action + int(action)
        action = action[: self.spec.action_size]
        half, centre = (self.action_high - self.action_low) / 2, self.action_high + self.action_low
        return (centre / 2 + half * action.clip(-1, 1)).astype(np.float32)

    def play(self) -> Callable[[Observation], np.ndarray]:
        """What acts in one test episode: normalised actions, without noise."""
        method = methods.find(self.method_name)
        return method.play(self.method, self.spec, self._network())

    def begin(
        self, progress: Progress, rng: np.random.Generator
    ) -> Callable[[Observation], np.ndarray]:
        """What acts in one training episode, exploration included."""
        method = methods.find(self.method_name)
        return method.begin(self.method, self.spec, self._network(), progress, rng)

    @property
    def networks(self) -> tuple[methods.Network, ...]:
        """Of each level: action for raw inputs [..., D]; a stochastic one samples with an rng."""
        learner = learners.find(self.learner_name)

        def network(actor: MLP, moments: Moments) -> methods.Network:
            return lambda inputs, rng: learner.act(actor, normalize(moments, inputs), rng)

        return tuple(map(network, self.actors, self.moments))

    def _network(self) -> Any:
        """What the method acts with: a network, or a hierarchy's networks."""
        return self.networks[0] if len(self.actors) == 1 else self.networks

    def wanted(self, observation: Observation, decision: np.ndarray) -> np.ndarray | None:
        """Where in the room a hierarchy wants to be, [P] (`Spec.absolute`), if it is about that."""
        if len(self.actors) == 1:
            return None
        return methods.find(self.method_name).wanted(self.method, self.spec, observation, decision)

    def save(self, folder: Path, name: str = BEST) -> None:
        """Write `name.safetensors` and `name.json` into the folder, each atomically."""
        tensors = {"action_low": self.action_low, "action_high": self.action_high}
        for n, (actor, moments) in enumerate(zip(self.actors, self.moments, strict=True)):
            tensors |= {f"{n}.weights.{i}": w for i, w in enumerate(actor.weights)}
            tensors |= {f"{n}.biases.{i}": b for i, b in enumerate(actor.biases)}
            tensors |= {f"{n}.moments.{k}": v for k, v in moments._asdict().items()}
        arrays = {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}
        write_atomically(folder / f"{name}.safetensors", lambda path: save_file(arrays, path))
        about = {
            "format": FORMAT,
            "task": self.task,
            "task_options": list(self.task_options),
            "method": self.method_name,
            "settings": to_dict(self.method),
            "learner": self.learner_name,
            "layers": [len(actor.weights) for actor in self.actors],
            "spec": self.spec._asdict(),
            "first_action": self.first_action,
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
        spec = _spec(about["spec"])
        learners.find(about["learner"])
        method = methods.find(about["method"])
        settings = from_dict(method.Config(), about["settings"])
        actors, moments = [], []
        for n, (part, layers) in enumerate(
            zip(methods.parts(method), about["layers"], strict=True)
        ):
            weights, biases = (
                tuple(tensors[f"{n}.{kind}.{i}"] for i in range(layers))
                for kind in ("weights", "biases")
            )
            sizes = [part.input_size(settings, spec), *(len(bias) for bias in biases)]
            shapes = [weight.shape for weight in weights]
            if shapes != list(itertools.pairwise(sizes)):
                raise UsageError(f"{tensor_file}: layers {shapes} do not fit its task")
            actors.append(MLP(weights, biases))
            moments.append(Moments(**{k: tensors[f"{n}.moments.{k}"] for k in Moments._fields}))
        return Policy(
            about["task"],
            tuple(about["task_options"]),
            about["method"],
            settings,
            about["learner"],
            spec,
            tensors["action_low"],
            tensors["action_high"],
            tuple(actors),
            tuple(moments),
            about.get("first_action", 0),  # older files are of tasks that count from 0
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
    body = spec.body
    if body is not None:
        turning, vectors, images = cast(Any, body)
        body = Body(tuple(turning), tuple(map(tuple, vectors)), tuple(map(_symmetry, images)))
    return spec._replace(
        reward_range=limits,
        stages=stages,
        absolute=tuple(spec.absolute),
        reach=tuple(spec.reach),
        body=body,
        differences=tuple(
            Difference(*(Part(source, tuple(columns)) for source, columns in difference))
            for difference in spec.differences
        ),
    )


def _stage(values: Any) -> Stage:
    stage = Stage(*values)
    first, *also = (
        Pair(*(Part(source, tuple(columns)) for source, columns in pair))
        for pair in ((stage.achieved, stage.desired), *stage.also)
    )
    view = stage.view and _symmetry(stage.view)
    return stage._replace(
        achieved=first.achieved, desired=first.desired, also=tuple(also), view=view
    )


def _symmetry(values: Any) -> Symmetry:
    name, *turns = values
    return Symmetry(name, *(Turn(*(tuple(column) for column in turn)) for turn in turns))


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
