"""Tasks with several blocks: what they show, where they start, what relay knows, that they work."""

from typing import Any

import gymnasium
import numpy as np
import pytest

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch import moving_push, push_n, several, stack_n
from goalrelay.tasks.fetch.environment import euler
from goalrelay.types import SignedPermutation

COUNTS = range(1, several.MOST + 1)
MODULES = {"push": push_n, "stack": stack_n}
THRESHOLD = 0.05


def make(name: str, objects: int = 2, **settings: Any) -> several.Several:
    return MODULES[name].Environment(objects=objects, **settings)


def apply(change: SignedPermutation, x: np.ndarray) -> np.ndarray:
    return x[list(change.order)] * change.sign + change.shift


def play(
    env: several.Several, seed: int, steps: int, action: SignedPermutation | None = None
) -> list[Any]:
    """What is seen under random actions, or under their images."""
    rng = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        wish = rng.uniform(-1, 1, 4)
        seen.append(env.step(wish if action is None else apply(action, wish))[0])
    return seen


# What is shown


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("count", COUNTS)
def test_the_observation_has_its_columns(name: str, count: int) -> None:
    env = make(name, count)
    env.reset(seed=1)
    state = play(env, 1, 5)[-1]
    seen = state["observation"]
    end = 5 + 15 * count
    assert seen.shape == (several.size(count),)
    assert env.observation_space.contains(state)
    np.testing.assert_array_equal(seen[:3], env.grip)
    np.testing.assert_array_equal(seen[3:5], env.fingers)
    for m in range(count):
        b = 5 + 15 * m
        velocity, turning = env.motion(m)
        np.testing.assert_array_equal(seen[b : b + 3], env.positions[m])
        np.testing.assert_array_equal(state["achieved_goal"][3 * m : 3 * m + 3], env.positions[m])
        np.testing.assert_array_equal(seen[b + 3 : b + 6], env.positions[m] - env.grip)
        np.testing.assert_allclose(seen[b + 6 : b + 9], env.orientation(m), atol=1e-12)
        np.testing.assert_allclose(seen[b + 9 : b + 12], velocity - env.grip_velocity(), atol=1e-12)
        np.testing.assert_allclose(seen[b + 12 : b + 15], turning, atol=1e-12)
    np.testing.assert_allclose(seen[end : end + 3], env.grip_velocity(), atol=1e-12)
    np.testing.assert_array_equal(seen[end + 3 : end + 5], env.finger_velocity())
    for k, (i, j) in enumerate(several.pairs(count)):
        between = seen[end + 5 + 3 * k : end + 8 + 3 * k]
        np.testing.assert_array_equal(between, env.positions[i] - env.positions[j])


def test_two_blocks_have_the_columns_of_rher() -> None:
    assert [several.size(count) for count in COUNTS] == [25, 43, 64, 88, 115, 145]
    assert several.pairs(3) == [(0, 1), (0, 2), (1, 2)]


def test_a_horizon_grows_with_the_blocks() -> None:
    assert [several.horizon(count) for count in COUNTS] == [50, 60, 70, 100, 130, 160]
    for name, count in (("FetchDoublePush", 2), ("FetchTripleStack", 3)):
        spec = gymnasium.spec(f"goalrelay/{name}-v0")
        assert spec.max_episode_steps == several.horizon(count)


def test_an_environment_of_any_number_ends_its_episodes_itself() -> None:
    env = gymnasium.make("goalrelay/FetchPushN-v0", objects=1, disable_env_checker=True)
    for _ in range(2):
        env.reset(seed=0)
        ends = [env.step(np.zeros(4, np.float32))[3] for _ in range(50)]
        assert ends == [False] * 49 + [True]


# Where things start


def starts(env: several.Several, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """[seeds, N, 3] blocks and goals."""
    states = [env.reset(seed=seed)[0] for seed in range(seeds)]
    blocks = np.stack([state["achieved_goal"].reshape(-1, 3) for state in states])
    goals = np.stack([state["desired_goal"].reshape(-1, 3) for state in states])
    return blocks, goals


def closest(a: np.ndarray, b: np.ndarray | None = None) -> float:
    """Smallest distance in x and y between two of a, or between one of a and one of b."""
    gap = np.linalg.norm((a[:, :, None] - (a if b is None else b)[:, None])[..., :2], axis=-1)
    if b is None:
        gap[:, range(a.shape[1]), range(a.shape[1])] = np.inf
    return float(gap.min())


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("count", COUNTS)
def test_blocks_and_goals_start_apart_and_on_the_table(name: str, count: int) -> None:
    env = make(name, count)
    blocks, goals = starts(env, 300)
    assert closest(blocks) >= several.BLOCKS_APART - 1e-9
    assert closest(blocks, goals) >= several.BLOCKS_APART - 1e-9
    hand = np.broadcast_to(env.begin.grip, (300, 1, 3))
    assert closest(blocks, hand) >= several.CLEAR - 1e-9
    reach = np.array(several.TABLE) - several.EDGE + 1e-9
    assert (np.abs(np.concatenate((blocks, goals), 1)[..., :2] - several.MIDDLE) <= reach).all()
    np.testing.assert_allclose(blocks[..., 2], 0.425, atol=1e-3)
    rise = 0.05 if name == "stack" else 0.0
    np.testing.assert_allclose(
        goals[..., 2] - goals[:, :1, 2], rise * np.tile(range(count), (300, 1))
    )
    if name == "push":
        assert closest(goals) >= several.GOALS_APART - 1e-9
    else:
        np.testing.assert_array_equal(goals[..., :2] - goals[:, :1, :2], 0.0)
    gap = np.linalg.norm(blocks - goals, axis=-1)
    assert gap.min() > env.distance_threshold


def test_blocks_start_in_the_middle_of_the_sides_too() -> None:
    env = make("push", 2)
    blocks = starts(env, 300)[0][..., :2] - env.begin.grip[:2]
    beside = (np.abs(blocks) < 0.05).any(-1).mean()
    assert beside > 0.2


@pytest.mark.parametrize("name", MODULES)
def test_the_published_placement_is_corners_within_ten_centimetres(name: str) -> None:
    env = make(name, 3, paper=True)
    blocks, goals = starts(env, 100)
    for places in (blocks, goals):
        assert np.abs(places[..., :2] - env.begin.grip[:2]).max() <= several.PAPER_AROUND + 1e-9
    assert closest(blocks) >= several.BLOCKS_APART - 1e-9
    assert closest(blocks, np.broadcast_to(env.begin.grip, (100, 1, 3))) >= several.CLEAR - 1e-9


def test_everything_starts_upright_and_at_rest() -> None:
    env = make("stack", 3)
    env.reset(seed=0)
    play(env, 0, 30)
    state, _ = env.reset(seed=5)
    blocks = state["observation"][5:50].reshape(3, 15)
    np.testing.assert_array_equal(blocks[:, 6:9], 0.0)
    np.testing.assert_array_equal(blocks[:, 9:12], -np.tile(env.grip_velocity(), (3, 1)))
    np.testing.assert_array_equal(blocks[:, 12:15], 0.0)
    again = make("stack", 3).reset(seed=5)[0]
    for key, value in state.items():
        np.testing.assert_array_equal(value, again[key])


def test_a_reset_can_say_where_blocks_and_goals_are() -> None:
    env = make("push", 2)
    goal = [1.4, 0.6, 0.425, 1.25, 0.9, 0.425]
    places = {"object0": (1.3, 0.7), "object1": (1.3, 0.85, 0.425)}
    state, _ = env.reset(seed=0, options={"goal": goal, **places})
    np.testing.assert_array_equal(state["desired_goal"], goal)
    np.testing.assert_allclose(state["achieved_goal"][[0, 1, 3, 4]], (1.3, 0.7, 1.3, 0.85))
    for seed in range(50):
        state, _ = env.reset(seed=seed, options={"object1": (1.3, 0.85)})
        blocks = state["achieved_goal"].reshape(1, 2, 3)
        np.testing.assert_allclose(blocks[0, 1, :2], (1.3, 0.85))
        assert closest(blocks) >= several.BLOCKS_APART


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"objects": 0}, "from 1 to 6, not 0"),
        ({"objects": 7}, "from 1 to 6, not 7"),
        ({"objects": 2.5}, "whole number"),
        ({"objects": True}, "whole number"),
        ({"objects": 4, "paper": True}, "up to 3 objects"),
        ({"objects": 2, "around": 0.01}, "between 0.1 and 0.25"),
        ({"objects": 2, "around": 0.2, "paper": True}, "not both"),
        ({"objects": 2, "reward_type": "shaped"}, "sparse or dense"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    name: str, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as refused:
        make(name, **settings)
    assert "\n" not in str(refused.value)


# What is asked


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("count", COUNTS)
def test_success_takes_every_block(name: str, count: int) -> None:
    env = make(name, count)
    env.reset(seed=3)
    goal = env.positions.reshape(-1).copy()
    *_, info = env.step(np.zeros(4))
    assert not info["is_success"]
    env.reset(seed=3, options={"goal": goal})
    state, reward, *_, info = env.step(np.zeros(4))
    assert (reward, info["is_success"]) == (0.0, True)
    achieved = state["achieved_goal"]
    for m in range(count):
        missed = goal.copy()
        missed[3 * m] += 0.06
        assert env.compute_reward(achieved, missed, {}) == -1.0
        env.reset(seed=3, options={"goal": missed})
        _, reward, *_, info = env.step(np.zeros(4))
        assert (reward, info["is_success"]) == (-1.0, False)


def test_a_dense_reward_is_the_sum_of_the_distances() -> None:
    env = make("push", 3, reward_type="dense")
    state, _ = env.reset(seed=0)
    state, reward, *_ = env.step(np.ones(4))
    gap = (state["achieved_goal"] - state["desired_goal"]).reshape(3, 3)
    assert reward == pytest.approx(-np.linalg.norm(gap, axis=1).sum())


def test_pictures_have_the_size_that_was_asked_for() -> None:
    env = gymnasium.make("goalrelay/FetchStack-v0", render_mode="rgb_array", width=64, height=48)
    assert env.get_wrapper_attr("_size") == (64, 48)


# What relay knows


@pytest.mark.parametrize("count", COUNTS)
def test_the_papers_stages_reach_and_move_block_after_block(count: int) -> None:
    stages = several.stages(count, alone=False)
    names = [f"{verb}{m}" for m in range(count) for verb in ("reach", "move")]
    assert [stage.name for stage in stages] == [*names[:-1], "task"]
    for k, stage in enumerate(stages):
        m, columns = k // 2, tuple(range(3 * (k // 2), 3 * (k // 2) + 3))
        assert stage.achieved.columns == (columns if k % 2 else (0, 1, 2))
        assert stage.achieved.source == ("achieved_goal" if k % 2 else "observation")
        assert stage.desired == (("achieved_goal", "desired_goal")[k % 2], columns)
        assert (stage.threshold is None) == (k == 2 * count - 1)
        assert [pair.desired.columns[0] for pair in stage.maintained] == [3 * j for j in range(m)]
        assert (stage.object_permutation is None) == (m == 0)


@pytest.mark.parametrize("count", COUNTS)
def test_later_blocks_are_first_brought_by_themselves(count: int) -> None:
    stages, paper = several.stages(count, alone=True), several.stages(count, alone=False)
    later = [f"{verb}{m}" for m in range(1, count) for verb in ("reach", "bring", "move")]
    names = ["reach0", "move0", *later]
    assert [stage.name for stage in stages] == [*names[:-1], "task"]
    for stage in stages:
        if stage.name.startswith("bring"):
            (moved,) = (s for s in paper if s.name in (f"move{stage.name[5:]}", "task")
                        and s.achieved == stage.achieved)  # fmt: skip
            assert stage == moved._replace(name=stage.name, threshold=THRESHOLD, maintained=())
        elif stage.name.startswith("reach"):
            (same,) = (s for s in paper if s.name == stage.name)
            assert stage == same
        else:
            assert stage in paper


def test_only_in_a_tower_of_three_blocks_are_placed_more_exactly_all_but_the_last() -> None:
    tower = make("stack", 3).stages
    near = {s.name: (s.threshold, s.switch) for s in tower}
    assert near["move0"] == near["bring1"] == near["move1"] == (0.025, 0.025)
    assert near["reach2"] == near["bring2"] == (THRESHOLD, THRESHOLD)
    assert near["task"] == (None, THRESHOLD)
    for made in (make("stack", 2), make("push", 3), make("stack", 3, paper=True)):
        assert {s.switch for s in made.stages} == {THRESHOLD}


def test_the_papers_tasks_have_the_papers_stages() -> None:
    assert len(make("push", 2).stages) == 5
    assert make("push", 2, paper=True).stages == several.stages(2, alone=False)


@pytest.mark.parametrize(("count", "number"), [(c, m) for c in COUNTS for m in range(1, c)])
def test_a_view_is_the_task_with_two_blocks_having_traded_names(count: int, number: int) -> None:
    env = make("push", count)
    state, _ = env.reset(seed=2)
    view = several.first(count, number)
    seen, goal = state["observation"], state["desired_goal"]
    twice = apply(view.observation, apply(view.observation, seen))
    np.testing.assert_array_equal(twice, seen)
    names = list(range(count))
    names[0], names[number] = number, 0
    swapped = goal.reshape(-1, 3)[names].reshape(-1)
    places = {f"object{m}": env.positions[names[m]].copy() for m in range(count)}
    other, _ = env.reset(seed=2, options={"goal": swapped, **places})
    np.testing.assert_array_equal(apply(view.observation, seen), other["observation"])
    for key in ("achieved_goal", "desired_goal"):
        np.testing.assert_array_equal(apply(view.goal, state[key]), other[key])
    np.testing.assert_array_equal(apply(view.action, np.arange(4.0)), np.arange(4.0))


def down(env: several.Several, step: int) -> np.ndarray:
    """Down to the table, then forward into a block."""
    height = np.clip((0.43 - env.grip[2]) / 0.033, -1, 1)
    return np.array((float(step > 4), 0.05 * (step > 4), height, -1.0))


@pytest.mark.parametrize("name", MODULES)
def test_a_view_holds_while_blocks_move(name: str) -> None:
    env, view = make(name, 3), several.first(3, 2)
    env.reset(seed=2)
    places = env.positions.copy()
    places[1, :2] = env.begin.grip[:2] + np.array((0.1, 0.0))
    walks = []
    for order in ((0, 1, 2), (2, 1, 0)):
        given = {f"object{m}": places[order[m]] for m in range(3)}
        env.reset(seed=2, options=given)
        walks.append([env.step(down(env, step))[0] for step in range(12)])
    assert np.abs(walks[0][-1]["achieved_goal"] - walks[0][0]["achieved_goal"]).max() > 0.05
    for one, two in zip(*walks, strict=True):
        turned = apply(view.observation, one["observation"])
        np.testing.assert_allclose(turned, two["observation"], atol=1e-3)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("which", [0, 1])
def test_a_mirror_image_is_what_the_mirrored_task_shows(name: str, which: int) -> None:
    """The arm is no mirror image, nor is the hand front-back: blocks tilt by other angles, and
    positions part by centimetres, differently so with every version of MuJoCo."""
    env = make(name, 2)
    near = (0.03, 0.06)[which]
    places = [c for c in range(43) if (c - 5) % 15 not in (6, 7, 8, 12, 13, 14)]
    symmetry = env.symmetries[which]
    goal = np.array((1.25, 0.65, 0.425, 1.4, 0.9, 0.425))
    blocks = np.array((1.2, 0.62, 0.425, 1.37, 0.88, 0.425))
    walks = []
    for mirrored in (False, True):
        place, wanted = (apply(symmetry.goal, x) if mirrored else x for x in (blocks, goal))
        options = {"goal": wanted, "object0": place[:3], "object1": place[3:]}
        env.reset(seed=0, options=options)
        block = place[3:] if name == "push" else place[:3]
        side = np.array((0.0, -0.06, 0.03))
        image = apply(symmetry.action, np.append(side, 0.0))[:3] if mirrored else side
        target = block + image
        for step in range(25):  # bring the hand to the same place of both worlds
            height = 0.1 if step < 12 else 0.0
            gap = target + np.array((0.0, 0.0, height)) - env.grip
            env.step(np.append(np.clip(gap / 0.033, -1, 1), 0.0))
        rng = np.random.default_rng(0)
        walk = []
        for _ in range(4):
            wish = np.append(rng.uniform(-0.6, 0.6), (0.8, -0.2, 0.5))
            state = env.step(apply(symmetry.action, wish) if mirrored else wish)[0]
            walk.append(state)
        walks.append(walk)
    assert np.abs(walks[0][-1]["achieved_goal"] - blocks).max() > 0.02
    for one, two in zip(*walks, strict=True):
        image = apply(symmetry.observation, one["observation"])
        np.testing.assert_allclose(image[places], two["observation"][places], atol=near)
        image = apply(symmetry.goal, one["achieved_goal"])
        np.testing.assert_allclose(image, two["achieved_goal"], atol=near)


@pytest.mark.parametrize("which", [0, 1])
def test_rotations_are_mirrored_as_rotations_are(which: int) -> None:
    symmetry = several.symmetries(1)[which]
    flip = np.diag((1.0, -1.0, 1.0) if which == 0 else (-1.0, 1.0, 1.0))
    rng = np.random.default_rng(0)
    turnings = np.linalg.qr(rng.normal(size=(50, 3, 3)))[0]
    turnings *= np.linalg.det(turnings)[:, None, None]
    images = flip @ turnings @ flip
    shown = np.zeros((50, several.size(1)))
    shown[:, 11:14] = [euler(turning) for turning in turnings.reshape(-1, 9)]
    shown[:, 17:20] = spin = rng.normal(size=(50, 3))
    seen = np.array([apply(symmetry.observation, x) for x in shown])
    np.testing.assert_allclose(
        seen[:, 11:14], [euler(image) for image in images.reshape(-1, 9)], atol=1e-9
    )
    np.testing.assert_allclose(seen[:, 17:20], -spin @ flip)  # as the axis of a rotation


@pytest.mark.parametrize("count", COUNTS)
def test_mirrors_undo_themselves_and_keep_rewards(count: int) -> None:
    env = make("push", count)
    state, _ = env.reset(seed=0)
    for symmetry in env.symmetries:
        for change, x in (
            (symmetry.observation, state["observation"]),
            (symmetry.goal, state["desired_goal"]),
            (symmetry.action, np.arange(4.0)),
        ):
            np.testing.assert_allclose(apply(change, apply(change, x)), x, atol=1e-12)
        seen, blocks = (
            apply(t, state[k])
            for t, k in ((symmetry.observation, "observation"), (symmetry.goal, "achieved_goal"))
        )
        for m in range(count):
            b = 5 + 15 * m
            np.testing.assert_allclose(seen[b : b + 3], blocks[3 * m : 3 * m + 3])
            np.testing.assert_allclose(seen[b + 3 : b + 6], seen[b : b + 3] - seen[:3], atol=1e-12)


def test_absolute_columns_are_places_in_the_room() -> None:
    assert several.absolute(2) == (0, 1, 5, 6, 20, 21)


# The goal that moves


def test_a_goal_glides_and_turns_round_at_the_border() -> None:
    env = moving_push.Environment(speed=0.2)
    state, _ = env.reset(seed=0)
    goals = [state["desired_goal"]]
    for _ in range(200):
        state, reward, *_ = env.step(np.zeros(4))
        goals.append(state["desired_goal"])
        assert reward == env.compute_reward(state["achieved_goal"], state["desired_goal"], {})
    moved = np.linalg.norm(np.diff(goals, axis=0), axis=1)
    np.testing.assert_allclose(moved, 0.2 * 0.04)
    assert np.abs(np.array(goals) - env.begin.grip)[:, :2].max() < 0.15 + 0.01
    headings = np.sign(np.diff(goals, axis=0)[:, :2])
    assert len(np.unique(headings, axis=0)) > 1


def test_every_episode_has_its_own_heading_and_none_starts_solved() -> None:
    env = moving_push.Environment()
    headings = []
    for seed in range(100):
        first, _ = env.reset(seed=seed)
        assert np.linalg.norm(first["achieved_goal"] - first["desired_goal"]) >= 0.05
        second = env.step(np.zeros(4))[0]
        headings.append(second["desired_goal"] - first["desired_goal"])
    assert len(np.unique(np.round(headings, 9), axis=0)) == 100
    assert np.abs(np.mean(headings, axis=0)).max() < 0.0006
    twice = [env.reset(seed=99)[0]["desired_goal"] for _ in range(2)]
    np.testing.assert_array_equal(twice[0], twice[1])


@pytest.mark.parametrize("speed", [-0.1, 1.0])
def test_a_goal_that_no_push_can_follow_is_refused(speed: float) -> None:
    with pytest.raises(UsageError, match="speed is between 0 and"):
        moving_push.Environment(speed=speed)


# That they can be done, and stand what they are done to


EXPERTS = [
    ("FetchDoublePush", push_n),
    ("FetchTriplePush", push_n),
    ("FetchStack", stack_n),
    ("FetchTripleStack", stack_n),
    ("FetchMovingPush", moving_push),
]


@pytest.mark.parametrize(("name", "module"), EXPERTS)
def test_a_script_solves_the_task(name: str, module: Any) -> None:
    env = gymnasium.make(f"goalrelay/{name}-v0", disable_env_checker=True)
    solved = 0
    for seed in range(5):
        state, info = env.reset(seed=seed)
        act, truncated = module.expert(), False
        while not truncated:
            state, *_, truncated, info = env.step(act(state).astype(np.float32))
        solved += info["is_success"]
    assert solved >= 4


def rough(env: Any, steps: int) -> None:
    """Full blows in every direction, the hand pressed on the table, resets in between."""
    rng = np.random.default_rng(0)
    blow = np.zeros(4)
    env.reset(seed=0)
    for step in range(steps):
        if step % 25 == 0:
            blow = rng.choice((-1.0, 1.0), 4)
        if step % 500 == 499:
            env.reset(seed=step)
        action = blow if rng.random() < 0.7 else rng.uniform(-2, 2, 4)
        if rng.random() < 0.3:
            action = action * (1, 1, 0, 1) - (0, 0, 1, 0)
        state, reward, *_ = env.step(action)
        assert all(np.isfinite(value).all() for value in state.values())
        assert np.isfinite(reward)
        assert np.abs(env.grip).max() < 3


WALKS = [(push_n, {"objects": 3}), (stack_n, {"objects": 6}), (moving_push, {})]


@pytest.mark.parametrize(("module", "settings"), WALKS)
def test_rough_treatment_leaves_everything_finite(module: Any, settings: dict[str, int]) -> None:
    rough(module.Environment(**settings), 2000)


@pytest.mark.slow
@pytest.mark.parametrize(("module", "settings"), WALKS)
def test_long_rough_treatment_too(module: Any, settings: dict[str, int]) -> None:
    rough(module.Environment(**settings), 100_000)
