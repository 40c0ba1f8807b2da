"""Pictures of episodes of a policy, with what it pursues drawn into them."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from goalrelay.data.rollout import Simulator, rollout
from goalrelay.report import marks
from goalrelay.report.acting import Acting, acting
from goalrelay.train.policy import Policy
from goalrelay.types import Episode, Observation

Show = Callable[[Acting, bool, bool], None]
"""Called at each timestep with what the policy does, whether the task draws a hierarchy's sub-goal
itself, and whether the step before succeeded."""


class Camera:
    """Takes a picture at each timestep of an episode: of L steps, L + 1.

    Args:
        task: opened with `rgb_array`, and drawn once already.
        policy: that acts.
        take: called with each picture, [H, W, 3] uint8.
    """

    def __init__(self, task: Simulator, policy: Policy, take: Callable[[np.ndarray], None]):
        self.task, self.policy, self._take = task, policy, take
        self._has_text = bool(policy.spec.stages)

    def episode(self, seed: int) -> Episode:
        """Film an episode.

        Raises:
            TaskFailed: the environment failed.
        """
        return episode(self.task, self.policy, seed, self._picture)

    def _picture(self, now: Acting, drawn: bool, succeeds: bool) -> None:
        marks.add_to_renderer(self.task.env, marks.balls(now, drawn))
        with self.task.calling("render"):
            picture: Any = self.task.env.render()
        if self._has_text:
            line = marks.text(now, succeeds)
            picture = marks.write(picture, line, marks.stage_colour(now.number))
        self._take(picture)


def episode(task: Simulator, policy: Policy, seed: int, show: Show | None = None) -> Episode:
    """One episode without noise.

    Args:
        task: of the policy; one that draws a hierarchy's sub-goals gets them.
        policy: that acts.
        seed: of the episode.
        show: called at each timestep, after the decision there.

    Raises:
        TaskFailed: the environment failed.
    """
    memory = _Memory(task.env)
    task.env = memory

    def shown(observation: Observation, decision: np.ndarray | None) -> None:
        now = acting(policy, observation, decision)
        drawn = now.subgoal is not None and task.show(now.subgoal)
        if show is not None:
            show(now, drawn, task.succeeds(memory.info, memory.reward))

    def begin(_: np.random.Generator) -> Callable[[Observation], np.ndarray]:
        act = policy.act()

        def step(observation: Observation) -> np.ndarray:
            decision = act(observation)
            shown(observation, decision)
            return decision

        return step

    try:
        done = rollout(task, begin, seed, evaluation=True)
        image = done.image[-1] if done.image.size else done.image
        shown(Observation(done.observation[-1], done.achieved[-1], done.desired[-1], image), None)
        return done
    finally:
        task.env = memory.env


class _Memory(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps the reward and info of the last step."""

    def __init__(self, env: gymnasium.Env[Any, Any]):
        super().__init__(env)
        self.reward, self.info = -np.inf, {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and keep what it gave."""
        result = self.env.step(action)
        self.reward, self.info = float(result[1]), result[4]
        return result
