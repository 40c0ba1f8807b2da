"""Where a stage's critic sees no difference, its policy does what its guide would do.

In tests nobody guides: the policy of an object's own stage must bring the gripper to the object
itself, and learns that late, from values that tell the way to the goal beyond the way to the
object. So its actor's loss has, beside -Q,

    lead * |mu(s, g) - guide(s)|^2      at steps s before which a means to the stage is not reached

with the policy of the first such means as the guide, as in self-guided exploration. It decides
where Q is flat and hardly matters where it is not.
"""

import numpy as np

from goalrelay.encoding import Layout, Moment, encode
from goalrelay.goals import means_to, moves
from goalrelay.relabel import Acting, facts
from goalrelay.replay import Replay
from goalrelay.types import Pair


def advice(
    plan: Layout,
    replay: Replay,
    stage: int,
    rows: np.ndarray,
    goal: np.ndarray,
    switch: float | None,
    own: Acting,
) -> tuple[np.ndarray, np.ndarray]:
    """What the guides of a stage would do.

    Args:
        plan: what the network sees.
        replay: the facts.
        stage: whose guides.
        rows: [B] of the steps.
        goal: [B, G] the goals of all pairs of the stage at these steps, after relabelling.
        switch: distance within which a guide's stage counts as reached (None: its own).
        own: the network.

    Returns:
        [B, A] actions, 0 where nobody guides, and [B] bool, whether somebody does.
    """
    actions = np.zeros((len(rows), replay.action.shape[1]), np.float32)
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
        gap = np.linalg.norm(wanted(first) - facts(replay, first.achieved, rows), axis=1)
        some = ~guided & (gap > (means.switch if switch is None else switch))
        if some.any():
            moment = Moment(replay.observation[rows[some]], replay.achieved[rows[some]])
            goals = np.concatenate([wanted(pair)[some] for pair in means.pairs], axis=1)
            actions[some] = own(encode(plan, moment, goals, number), None)
            guided |= some
    return actions, guided
