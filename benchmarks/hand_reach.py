"""Whether HandReach-v3 can be solved: how near the fingertips can come to its goals.

    python benchmarks/hand_reach.py [--goals 5]

Success is a distance below 10 mm over all five fingertips. A goal brings one finger to the thumb.
For some goals of each finger, a Markdown table has two ranges of distances. `posed` is that of the
best pose of the joints: geometry alone, without contacts and motors. `held` is that of one constant
action in the simulation. It is searched for (cross-entropy method) from that pose on.
"""

import argparse
from typing import Any

import gymnasium
import numpy as np
from scipy.optimize import least_squares

from goalrelay.tasks.goal_task import register_stock
from goalrelay.tasks.late import mujoco

FINGERS = {"forefinger": "FF", "middle finger": "MF", "ring finger": "RF", "little finger": "LF"}
STARTS = 8
"""Random poses from which the best one is looked for."""
ROUNDS, CANDIDATES, KEPT = 25, 32, 6
"""Of the search of a constant action."""
STEPS = 25
"""Timesteps for which an action is held; the last 5 count."""
MM = 1000


class Hand:
    """The environment, with its joints as one array."""

    def __init__(self) -> None:
        register_stock()
        self.env: Any = gymnasium.make("HandReach-v3").unwrapped
        model = self.model = self.env.model
        short = FINGERS.values()
        self._tips = [model.site(f"robot0:S_{f.lower()}tip").id for f in (*short, "TH")]
        joints = {model.joint(i).name: i for i in range(model.njnt)}
        # a tendon bends the last two joints of a finger together
        self._last = {joints[f"robot0:{f}J0"]: joints[f"robot0:{f}J1"] for f in short}
        self._free = [i for i in range(model.njnt) if i not in self._last]
        motors = [model.actuator(i).name for i in range(model.nu)]
        self._moved = [joints[motor.replace("A_", "")] for motor in motors]
        self.low, self.high = model.jnt_range[self._free].T

    def goal_of(self, finger: int, first_seed: int) -> tuple[int, np.ndarray]:
        """The first seed from this one on whose goal moves the finger, and the goal [15]."""
        columns = slice(3 * finger, 3 * finger + 3)
        for seed in range(first_seed, first_seed + 1000):
            self.env.reset(seed=seed)
            if np.linalg.norm((self.env.goal - self.env.initial_goal)[columns]) > 1e-4:
                return seed, self.env.goal.copy()
        raise SystemExit("no goal moves this finger")

    def pose(self, free: np.ndarray) -> np.ndarray:
        """All joints from those that are not coupled, rad."""
        joints = np.zeros(self.model.nq)
        joints[self._free] = free
        for one, other in self._last.items():
            joints[one] = joints[other]
        return joints

    def tips(self, joints: np.ndarray) -> np.ndarray:
        """[15] positions of the fingertips, m."""
        self.env.data.qpos[:] = joints
        mujoco.mj_kinematics(self.model, self.env.data)
        return self.env.data.site_xpos[self._tips].ravel().copy()

    def action(self, joints: np.ndarray) -> np.ndarray:
        """[20] the action whose motors aim at these joints."""
        low, high = self.model.actuator_ctrlrange.T
        return np.clip(2 * (joints[self._moved] - low) / (high - low) - 1, -1, 1)

    def held(self, action: np.ndarray, seed: int) -> float:
        """Distance to the goal in mm, at the end of an episode of this one action."""
        self.env.reset(seed=seed)
        seen = [self.env.step(action)[0]["achieved_goal"] for _ in range(STEPS)]
        return MM * float(np.mean(np.linalg.norm(np.stack(seen[-5:]) - self.env.goal, axis=-1)))


def best_pose(hand: Hand, goal: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """The joints whose fingertips are nearest to a goal, and that distance in mm."""

    def miss(free: np.ndarray) -> np.ndarray:
        return MM * (hand.tips(hand.pose(free)) - goal)

    starts = rng.uniform(hand.low, hand.high, (STARTS, len(hand.low)))
    found = [least_squares(miss, s, bounds=(hand.low, hand.high), max_nfev=200) for s in starts]
    best = min(found, key=lambda one: one.cost)
    return hand.pose(best.x), float(np.linalg.norm(best.fun))


def best_held(hand: Hand, start: np.ndarray, seed: int, rng: np.random.Generator) -> float:
    """The least distance in mm that a constant action near this one comes to."""
    mean, deviation, best = start, np.full(len(start), 0.1), hand.held(start, seed)
    for _ in range(ROUNDS):
        tried = np.clip(mean + deviation * rng.normal(size=(CANDIDATES, len(mean))), -1, 1)
        distances = np.array([hand.held(action, seed) for action in tried])
        kept = tried[np.argsort(distances)[:KEPT]]
        mean, deviation = kept.mean(axis=0), kept.std(axis=0) + 0.003
        best = min(best, float(distances.min()))
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--goals", type=int, default=5, help="of each finger")
    args = parser.parse_args()
    hand, rng = Hand(), np.random.default_rng(0)
    print("| finger | posed, mm | held, mm | held below 10 |\n| --- | --- | --- | --- |")
    for index, finger in enumerate(FINGERS):
        seed, posed, held = -1, list[float](), list[float]()
        for _ in range(args.goals):
            seed, goal = hand.goal_of(index, seed + 1)
            joints, distance = best_pose(hand, goal, rng)
            posed.append(distance)
            held.append(best_held(hand, hand.action(joints), seed, rng))
        ranges = " | ".join(f"{min(v):.1f} to {max(v):.1f}" for v in (posed, held))
        print(f"| {finger} | {ranges} | {sum(d < 10 for d in held)} of {len(held)} |", flush=True)


if __name__ == "__main__":
    main()
