"""Whether a critic's values come true: by distance of the goal at the start, and by time.

    python benchmarks/critic_bias.py RUN [--episodes 200]

For a run of `her` with TD3 or SAC whose folder has a checkpoint. The policy that tests use plays
without noise. For each fifth of the episodes by the distance of the goal, a Markdown table has the
success, and at three times what the critic expects (the smaller one of two values) beside the
discounted return that came. After the last step its reward is taken to last for ever.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from goalrelay.learners.networks import q_value
from goalrelay.learners.normalizer import normalize
from goalrelay.methods.her import Her
from goalrelay.train.folder import RunFolder
from goalrelay.train.loop import Trainer
from goalrelay.types import Episode, Observation

FIRST_SEED = 900_000
TIMES = (0.0, 0.25, 0.5)
"""Fractions of an episode."""


def expected(trainer: Trainer, episodes: list[Episode], time: int) -> np.ndarray:
    """[E] the critics' value of the policy's action at a time of the episodes."""
    method, agent = trainer.method, trainer.agents[0]
    if not isinstance(method, Her) or not hasattr(agent.state, "critics"):
        raise SystemExit("the run must be of the method her, with TD3 or SAC")
    fields = ("observation", "achieved", "desired")
    shown = Observation(*(np.stack([getattr(e, name)[time] for e in episodes]) for name in fields))
    inputs = method.relay.stage_inputs.encode(shown, shown.desired, 0)
    critics: Any = agent.state.critics
    seen = normalize(agent.moments(), inputs)
    action = np.stack([e.action[time] for e in episodes])
    return np.min([q_value(critic, seen, action) for critic in critics], axis=0)


def came(trainer: Trainer, episode: Episode, time: int) -> float:
    """The discounted return from a time of an episode on."""
    gamma = trainer.experiment.learner.gamma
    rewards = trainer.method.task.reward(episode.achieved[time + 1 :], episode.desired[time + 1 :])
    powers = gamma ** np.arange(len(rewards))
    return float(rewards @ powers + rewards[-1] * gamma ** len(rewards) / (1 - gamma))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--episodes", type=int, default=200)
    args = parser.parse_args()
    folder = RunFolder(args.run)
    trainer = Trainer(folder.experiment())
    trainer.restore(folder.restore(trainer.saved()) or {})
    seeds = range(FIRST_SEED, FIRST_SEED + args.episodes)
    episodes = trainer.collector.collect(trainer.policy().acting(), list(seeds), True)
    far = np.array([np.linalg.norm(e.desired[0] - e.achieved[0]) for e in episodes])
    times = [int(fraction * min(e.length for e in episodes)) for fraction in TIMES]
    columns = [
        figure
        for time in times
        for figure in (
            expected(trainer, episodes, time),
            np.array([came(trainer, e, time) for e in episodes]),
        )
    ]
    head = [part for t in times for part in (f"expected at step {t}", "came")]
    print("| goal at a distance of | success | " + " | ".join(head) + " |")
    print("| --- " * (len(head) + 2) + "|")
    for fifth in np.array_split(np.argsort(far), min(5, len(far))):
        success = np.mean([episodes[n].success for n in fifth])
        figures = " | ".join(f"{column[fifth].mean():.1f}" for column in columns)
        low, high = far[fifth[0]], far[fifth[-1]]
        print(f"| {low:.2f} to {high:.2f} | {success:.2f} | {figures} |")
    trainer.close()


if __name__ == "__main__":
    main()
