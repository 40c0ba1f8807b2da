"""Where a stage's critic sees no difference, its policy does what its guide would do.

In tests nobody guides: the policy of an object's own stage must bring the gripper to the object
itself, and learns that late, from values that tell the way to the goal beyond the way to the
object. So its actor's loss has, beside -Q,

    weight * |mu(s, g) - guide(s)|^2    at steps s before which a means to the stage is not reached

with the policy of the first such means as the guide, as in self-guided exploration, and a weight
that fades as tests reach the stage. It decides where Q is flat and hardly matters where it is not.
"""

import numpy as np

from goalrelay.encoding import Layout, Moment, encode
from goalrelay.goals import Guidance, means_to, moves, switch
from goalrelay.relabel import Rules, distance, facts
from goalrelay.replay import Replay
from goalrelay.types import Pair, Pull


def pull(
    config: Guidance,
    plan: Layout,
    rules: Rules,
    replay: Replay,
    stage: int,
    rows: np.ndarray,
    goal: np.ndarray,
) -> Pull | None:
    """What the guides of a stage would do, and how much that counts.

    Args:
        config: how much a guide leads, and where its stage counts as reached.
        plan: what the network sees.
        rules: with the newest policy, and what the last test reached.
        replay: the facts.
        stage: whose guides.
        rows: [B] of the steps.
        goal: [B, G] the goals of all pairs of the stage at these steps, after relabelling.

    Returns:
        actions [B, A] and weights [B], 0 where nobody guides; None where no guide leads (nor is
        there an actor to be led where actions are discrete).
    """
    if not config.lead or rules.spec.discrete:
        return None
    assert rules.own is not None, "the trainer gives it"
    actions = np.zeros((len(rows), rules.spec.action_size), np.float32)
    guided = np.zeros(len(rows), bool)
    pairs = plan.stages[stage].pairs
    bounds = np.cumsum([len(pair.desired.columns) for pair in pairs])[:-1]
    given = dict(zip(pairs, np.split(goal, bounds, axis=1), strict=True))

    def wanted(pair: Pair) -> np.ndarray:
        return given[pair] if pair in given else facts(replay, pair.desired, rows)

    for number in means_to(plan.stages, stage):
        if moves(plan.stages, number):
            continue
        means = plan.stages[number]
        first = means.pairs[0]  # what else it asks for is no matter of being there
        some = ~guided & (distance(replay, first, rows) > switch(config, means))
        if some.any():
            moment = Moment(replay.observation[rows[some]], replay.achieved[rows[some]])
            goals = np.concatenate([wanted(pair)[some] for pair in means.pairs], axis=1)
            actions[some] = rules.own(encode(plan, moment, goals, number), None)
            guided |= some
    known = rules.reached[stage] if rules.reached else 0.0
    return Pull(actions, np.float32(config.lead * (1 - config.fade * known)) * guided)
