"""Relay hindsight experience replay (RHER): each learned stage guides to the next one.

Luo et al. (arXiv 2208.00843). One network for all stages, with any actor-critic learner:

    collect:  s = first stage not reached; with probability p the policy of s guides, else the
              policy of s + 1 acts with noise                        (`guidance.Guidance.choose`)
    sample:   every batch holds steps for every stage, from all episodes alike; hindsight goals are
              what each stage achieved later                         (`relabel.relabel`)
    update:   the learner's, on (encode(observation, goal, stage), action, reward, ...), and the
              guide's actions where it guides                        (`guide_imitation`)
    evaluate: the stage of the first object that is not at its goal (the paper: the last stage)
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import Drawing, Priority
from goalrelay.data.priority import check as check_priority
from goalrelay.data.relabel import (
    GoalRule,
    achieved_later,
    innr,
    pursued,
    relabel,
    stage_objective,
)
from goalrelay.data.units import in_learner_units
from goalrelay.methods.base import Act, Level, Method, combine, in_cycle
from goalrelay.methods.exploration import add_noise, annealed, explore, random_action
from goalrelay.methods.relay.config import PRESETS, Config
from goalrelay.methods.relay.demonstrated import serves_stage
from goalrelay.methods.relay.earlier_goals import where_earlier_goals_hold
from goalrelay.methods.relay.fit import actual_fraction, check_fit, chosen_symmetries
from goalrelay.methods.relay.guidance import Guidance, controller, mastery
from goalrelay.methods.relay.guide_imitation import GuideImitation
from goalrelay.methods.relay.inputs import StageInputs
from goalrelay.methods.relay.stage_weights import stage_of_each
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.tasks.symmetry import StepArrays, mirror
from goalrelay.types import Batch, Observation, Snapshot, Steps, Task


class Relay(Method, Level):
    """Relay hindsight experience replay: each learned stage guides to the next one."""

    Config = Config
    PRESETS = PRESETS
    FIGURES = ("innr",)

    def __init__(self, config: Config, task: Task, gamma: float):
        task = in_learner_units(task)
        check_priority(config.priority, task.spec)
        check_fit(config, task)
        self.order = StageOrder(task.spec.stages, config.variant.switch)
        variant = dataclasses.replace(config.variant, switch=self.order.switch)
        actual = actual_fraction(config, task)
        config = dataclasses.replace(config, actual=actual, variant=variant)
        super().__init__(config, task, gamma)
        self.levels, self.spec, self.priority = (self,), task.spec, config.priority
        self._config, self._variant = config, config.variant
        self._symmetries = chosen_symmetries(config, task)
        self.stage_inputs = StageInputs(config, task.spec)
        self._guidance = Guidance(config, self.order)
        self._imitation: GuideImitation | None = None
        if config.guidance.imitation and not self.spec.discrete:
            self._imitation = GuideImitation(
                config.guidance, self.order, self.stage_inputs, self.spec.action_size
            )
        self._rule = GoalRule(config.variant.strategy, config.k / (config.k + 1), actual)
        # without hindsight, rewards are as they are
        self.failure_lasts = lasts = config.variant.strategy != "none"
        self._objectives = [
            stage_objective(task, s, gamma)._replace(failure_lasts=lasts) for s in task.spec.stages
        ]
        self._draws = [self._drawing(number) for number in range(len(task.spec.stages))]
        self.normalized = self.stage_inputs.normalized

    def act(self, snapshot: Snapshot, rng: np.random.Generator | None) -> Act:
        """Self-guided exploration for one episode; without a generator, one of evaluation."""
        if rng is None:
            return self._pursue(snapshot, self.evaluated_stage)
        if snapshot.random:
            return lambda _: random_action(self.spec, rng)
        order, (network,) = self.order, snapshot.policies
        rates = mastery(snapshot, order.last)
        noises = [annealed(self._config.exploration, rate) for rate in rates]
        scripted = self._config.guidance.guide == "controller"
        time = 0

        def step(observation: Observation) -> np.ndarray:
            nonlocal time
            choice = self._guidance.choose(observation, time, snapshot, rng)
            time += 1
            if choice.guiding and scripted:
                stage = order.stages[choice.stage]
                action = controller(observation, stage, self.spec.action_size)
            else:
                action = network(self._input(observation, choice.stage), rng, observation.image)
            if choice.guiding:
                return add_noise(noises[choice.stage], self.spec, action, rng)
            return explore(noises[choice.stage], self.spec, action, rng)

        return step

    def evaluated_stage(self, observation: Observation) -> int:
        """Number of the stage that acts in evaluation, as the option `evaluated` says."""
        if self._variant.evaluated == "unfinished":
            return self.order.first_unfinished(observation)
        if self._variant.evaluated == "relay":
            return self.order.current(observation)
        return self.order.last

    def act_in_stage(self, snapshot: Snapshot, stage: int) -> Act:
        """The policy of one stage without noise, also when its goal is already reached."""
        return self._pursue(snapshot, lambda _: stage)

    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B] with steps for every stage."""
        reached = snapshot.reached
        if buffer.demonstrated:  # whatever the agent can do, a demonstrator reached every stage
            reached = (1.0,) * len(self.spec.stages)
        weights = self._config.stage_weights
        stage_at = stage_of_each(weights, self.order, reached, shape).reshape(-1)
        pieces, places, figures = [], [], {"innr": float("nan")}
        for stage in range(len(self.spec.stages)):
            place = np.flatnonzero(stage_at == stage)
            if not len(place):
                continue
            steps = self._draw(buffer, stage, len(place), rng)
            if self._draws[stage].priority.name != "uniform" or len(self._draws) > 1:
                rng.shuffle(place)  # prioritised steps come first in the steps, not in the batches
            batch, share = self._batch(buffer, snapshot, stage, steps, rng)
            if stage == self.order.last:
                figures["innr"] = share
            pieces.append(batch)
            places.append(place)
        # Pieces are ordered by stage; `order` brings each step to its place in the batches.
        order = np.argsort(np.concatenate(places))
        batch = combine(pieces, lambda arrays: np.concatenate(arrays)[order])
        return in_cycle(batch, shape), figures

    def inputs(self, buffer: ReplayBuffer, steps: Steps, rng: np.random.Generator) -> np.ndarray:
        """The inputs of steps [N] with every stage's goal in its slot: nothing is zeroed.

        The last stage's goals are relabelled as in training, the others are those pursued (RHER).
        Steps are shown through the permutations of all stages in turn.
        """
        stages, rows = self.spec.stages, steps.row
        last = relabel(buffer, steps, self._objectives[-1], self._rule, rng).goal
        goals = [*(pursued(buffer, stage, rows) for stage in stages[:-1]), last]
        inputs = np.empty((len(rows), self.stage_inputs.size), np.float32)
        for stage in range(len(stages)):
            some = slice(stage, None, len(stages))
            shown = rows[some]
            timestep = Observation(
                buffer.observation[shown], buffer.achieved[shown], goals[-1][some]
            )
            each = [goal[some] for goal in goals]
            inputs[some] = self.stage_inputs.encode_all(timestep, each, stage)
        return inputs

    def _pursue(self, snapshot: Snapshot, choose: Callable[[Observation], int]) -> Act:
        """Without noise: at each timestep the policy of the chosen stage."""
        (network,) = snapshot.policies
        return lambda observation: network(
            self._input(observation, choose(observation)), None, observation.image
        )

    def _input(self, observation: Observation, stage: int) -> np.ndarray:
        constraints = self.spec.stages[stage].constraints
        goal = np.concatenate([c.desired.of(observation) for c in constraints])
        return self.stage_inputs.encode(observation, goal, stage)

    def _drawing(self, number: int) -> Drawing:
        """How steps are drawn for a stage; only what moves an object has a priority."""
        stage = self.spec.stages[number]
        if stage.maintained:  # its own object, by distance: the task's reward is for all of them
            threshold = stage.threshold or stage.switch
            stage = stage._replace(maintained=(), threshold=threshold)
        name = self._config.priority if self.order.moves_object(number) else "uniform"
        fraction = self._variant.prioritized_fraction
        goal = stage.achieved.columns[: len(stage.desired.columns)]  # without info
        priority = Priority(name, fraction, stage.scale, goal)
        return Drawing(priority, stage_objective(self.task, stage, 1.0).success)

    def _draw(
        self, buffer: ReplayBuffer, number: int, count: int, rng: np.random.Generator
    ) -> Steps:
        """Steps for a stage: some of where its earlier goals hold, the others by priority."""
        held_count = round(self._variant.earlier_goals_hold * count)
        held = where_earlier_goals_hold(buffer, self.spec.stages[number], held_count, rng)
        drawn = self._draws[number].draw(buffer, count - len(held.row), rng)
        fields = (np.concatenate(both) for both in zip(held[:4], drawn[:4], strict=True))
        goal_row = drawn.goal_row
        if goal_row is not None:
            goal_row = np.concatenate((np.full(len(held.row), -1), goal_row))
        return Steps(*fields, goal_row=goal_row)

    def _batch(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        number: int,
        steps: Steps,
        rng: np.random.Generator,
    ) -> tuple[Batch, float]:
        """Drawn steps [B] as transitions of a stage, and the INNR share of the last stage."""
        objective, rows = self._objectives[number], steps.row
        if snapshot.ends_at_goal and number == self.order.last:
            objective = objective._replace(ends_at_goal=True)
        transitions = relabel(buffer, steps, objective, self._rule, rng)
        share = float("nan")
        if number == self.order.last:
            share = innr(buffer, steps, objective, transitions.hindsight)
        demonstrated = None
        if buffer.demonstrated:  # asked of what happened, before it is mirrored
            served = serves_stage(self.order, number, buffer, rows)
            served = served & achieved_later(buffer, steps, objective, transitions.goal)
            demonstrated = served.astype(np.float32)
        action, target = buffer.action[rows], None
        if self._imitation is not None:
            goal = transitions.goal
            target = self._imitation.targets(buffer, snapshot, number, rows, goal)
        arrays = StepArrays(
            buffer.observation[rows],
            buffer.observation[transitions.next_row],
            buffer.achieved[rows],
            buffer.achieved[transitions.next_row],
            transitions.goal,
            transitions.next_goal,
            action,
            np.zeros_like(action) if target is None else target.action,
        )
        mirror(arrays, objective.stage, self._symmetries, rng)
        now = Observation(arrays.observation, arrays.achieved, arrays.goal)
        after = Observation(arrays.next_observation, arrays.next_achieved, arrays.next_goal)
        batch = Batch(
            self.stage_inputs.encode(now, arrays.goal, number),
            arrays.action,
            transitions.reward,
            transitions.discount,
            self.stage_inputs.encode(after, arrays.next_goal, number),
            demonstrated,
            buffer.images(rows),
            buffer.images(transitions.next_row),
            None if target is None else target._replace(action=arrays.target_action),
        )
        return batch, share


METHOD = Relay
