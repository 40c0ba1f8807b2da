"""The space of sub-goals: which columns they change, how far, and in which frame they are said."""

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.methods.hierarchy import body_frame
from goalrelay.methods.hierarchy.config import ANT_COLUMNS, Config
from goalrelay.types import BodyFrame, Spec, Symmetry


class SubgoalSpace:
    """What both levels know of sub-goals, built once.

    Args:
        config: the method's options.
        spec: of the task.

    Raises:
        UsageError: sub-goals that the task's observation does not have; the option is named.
    """

    def __init__(self, config: Config, spec: Spec):
        self._config, self._spec = config, spec
        self.columns = list(config.subgoal_columns or spec.position_columns)
        """[K] columns of the observation that a sub-goal changes"""
        _check(config, spec, self.columns)
        self.range = _each(config.subgoal_range or spec.subgoal_range, len(self.columns))
        """[K] how far it may change each of them"""
        self.noise = self.range * _each(config.variant.subgoal_noise, len(self.columns))
        """[K] standard deviation of the noise on it"""
        self.is_position = self.columns == list(spec.position_columns)
        """whether sub-goals are changes of the robot's position"""
        self.low_frame = spec.body if config.egocentric and self.is_position else None
        """The robot's frame, where the low level has it; None: the world's."""
        self.high_frame = None if spec.goal_size else self.low_frame
        self.goal_is_position = self.is_position and bool(spec.goal_position_columns)
        """whether the task's desired goal is a position that a sub-goal can reach"""

    def low_input(self, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
        """The low level's inputs: [..., O], [..., K] -> [..., D]."""
        frame, hidden = self.low_frame, self._hidden()
        shown = observation[..., self._shown(frame, hidden)]
        if frame is not None:
            subgoal = body_frame.in_body(frame, observation, subgoal)
        return np.concatenate([shown, subgoal], axis=-1)

    def high_input(self, observation: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """The high level's inputs: [..., O], [..., G] -> [..., D]."""
        frame = self.high_frame
        if frame is None:
            return np.concatenate([observation, desired], axis=-1)
        shown = observation[..., self._shown(frame, set(self._spec.position_columns))]
        position = observation[..., list(self._spec.position_columns)]
        return np.concatenate([shown, body_frame.in_body(frame, observation, position)], axis=-1)

    def limits(self) -> tuple[float, ...]:
        """[K] how far a sub-goal may change each column."""
        return tuple(float(limit) for limit in self.range)

    def low_size(self) -> int:
        """D of `low_input`."""
        return self.low_input(*self._zeros(len(self.columns))).shape[-1]

    def high_size(self) -> int:
        """D of `high_input`."""
        return self.high_input(*self._zeros(self._spec.goal_size)).shape[-1]

    def decode(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """The sub-goal [..., K] that a high-level action [..., K] in [-1, 1] stands for."""
        change, frame = self.range * action, self.high_frame
        return change if frame is None else body_frame.to_world(frame, observation, change)

    def encode(self, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
        """The inverse of `decode`, within bounds."""
        frame = self.high_frame
        if frame is not None:
            subgoal = body_frame.to_heading(frame, observation, subgoal)
        return (subgoal / self.range).clip(-1, 1).astype(np.float32)

    def mirrors(self) -> tuple[Symmetry, ...]:
        """Images from which the low level learns; it must see nothing but the robot."""
        variant, body = self._config.variant, self._spec.body
        alone = variant.hide_position and self.is_position
        return body.symmetries if body and variant.mirror_augmentation and alone else ()

    def _hidden(self) -> set[int]:
        return set(self._spec.position_columns) if self._config.variant.hide_position else set()

    def _shown(self, frame: BodyFrame | None, hidden: set[int]) -> list[int]:
        """Columns of the observation that are shown as they are."""
        if frame is not None:
            hidden = hidden.union(frame.rotation, *frame.vectors)
        return [column for column in range(self._spec.observation_size) if column not in hidden]

    def _zeros(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(self._spec.observation_size, np.float32), np.zeros(size, np.float32)


def _each(numbers: tuple[float, ...], count: int) -> np.ndarray:
    return np.array(numbers * count if len(numbers) == 1 else numbers, np.float32)


def _check(config: Config, spec: Spec, columns: list[int]) -> None:
    size, is_ants = spec.observation_size, tuple(columns) == ANT_COLUMNS
    if spec.discrete:
        raise UsageError("the method hierarchy needs continuous actions")
    if spec.image:
        raise UsageError("the method hierarchy does not look at images; her, relay and flat do")
    if not columns:
        raise UsageError(
            "this task declares no position columns; name what sub-goals change: "
            "--method.subgoal-columns and --method.subgoal-range"
        )
    if min(columns) < 0 or max(columns) >= size:
        raise UsageError(
            f"--method.subgoal-columns must be columns of the observation, 0 to {size - 1}, "
            f"got {' '.join(map(str, columns))}"
            + ("; the preset hiro is for the ant, hiro-xy for any robot" * is_ants)
        )
    if len(set(columns)) < len(columns):
        raise UsageError("--method.subgoal-columns names a column twice")
    if config.subgoal_columns and not config.subgoal_range:
        raise UsageError(
            "--method.subgoal-columns needs --method.subgoal-range: how far each may change"
        )
    if not (config.subgoal_range or spec.subgoal_range):
        raise UsageError(
            "this task declares no subgoal_range; say how far a sub-goal may change each column: "
            "--method.subgoal-range"
        )
    for name, numbers, lowest in (
        ("subgoal-range", config.subgoal_range or spec.subgoal_range, 1e-9),
        ("variant.subgoal-noise", config.variant.subgoal_noise, 0.0),
    ):
        if len(numbers) not in (1, len(columns)) or min(numbers) < lowest:
            raise UsageError(
                f"--method.{name} takes one positive number, or one for each of the "
                f"{len(columns)} columns"
            )
    if config.self_imitation and not config.planner_weight:
        raise UsageError(
            "--method.self-imitation needs --method.planner-weight; add --method.no-self-imitation"
        )
