"""Options by their names in version 0.1, for one line of help where somebody still uses them."""

RENAMED = {
    "evaluate.average": "evaluate.ema_decay",
    "learner.delay": "learner.policy_delay",
    "learner.cloning.weight": "demos.weight",
    "learner.cloning.policy_weight": "demos.policy_weight",
    "learner.cloning.q_filter": "demos.q_filter",
    "method.data": "demos.data",
    "method.share": "demos.share",
    "method.symmetries": "method.symmetry_augmentation",
    "method.translation": "method.translation_invariant",
    "method.mixing": "method.stage_weights",
    "method.encoding": "method.variant.goal_frame",
    "method.tell_stage": "method.variant.stage_indicator",
    "method.focus": "method.variant.object_centric",
    "method.prioritized": "method.variant.prioritized_fraction",
    "method.in_place": "method.variant.earlier_goals_hold",
    "method.guidance.before": "method.guidance.guide",
    "method.guidance.after": "method.variant.after",
    "method.guidance.fade": "method.guidance.anneal",
    "method.guidance.lead": "method.guidance.imitation",
    "method.guidance.switch": "method.variant.switch",
    "method.guidance.test": "method.variant.evaluated",
    "method.guidance.stop_at": "method.variant.stop_at",
    "method.guidance.jump_start": "method.variant.jump_start",
    "method.guidance.jump_start_episodes": "method.variant.jump_start_episodes",
    "method.period": "method.subgoal_steps",
    "method.columns": "method.subgoal_columns",
    "method.reach": "method.subgoal_range",
    "method.landmarks": "method.planner_weight",
    "method.proven": "method.self_imitation",
    "method.wander": "method.go_explore",
    "method.every": "method.variant.high_update_interval",
    "method.hide": "method.variant.hide_position",
    "method.mirrored": "method.variant.mirror_augmentation",
    "method.low_gamma": "method.variant.low_gamma",
    "method.shaped": "method.variant.potential_shaping",
    "method.bootstrap": "method.variant.subgoal_transition",
    "method.reward_scale": "method.variant.reward_scale",
    "method.subgoal_noise": "method.variant.subgoal_noise",
    "method.persistence": "method.variant.noise_correlation",
}
"""Old dotted name -> new one."""
GONE = {
    "method.density_cell": "the task's stages or its goals say it",
    "learner.clip_input": "inputs of any size are normalised",
    "learner.target_move": "learner.target_interval says it: 1 after every update, 0 after a cycle",
    "method.ratio": "method.k says it",
    "method.n_step": "no run was better with it",
    "method.shares": "method.stage_weights says it",
    "method.guidance.learned": "no run used it",
    "method.adjacency": "the planner does better",
    "method.freeze": "no run was better with it",
    "method.candidates": "it is HIRO's eight",
    "method.candidate_noise": "it is HIRO's 0.5",
    "learner.clip_normalized": "it is 5, as in Baselines",
    "learner.return_low": "the task's reward range says it",
    "learner.return_high": "the task's reward range says it",
}
"""Options that are gone -> why."""


def hint(name: str) -> str:
    """`; it is called x now`, or why an option is gone; empty for names that never were.

    Args:
        name: dotted, as Python or as the command line spells it.
    """
    plain = name.replace("-", "_")
    spelled = plain.replace(".no_", ".")
    if spelled in RENAMED:
        now = RENAMED[spelled].replace("_", "-")
        if spelled != plain:  # an option that is switched off
            group, _, own = now.rpartition(".")
            now = f"{group}.no-{own}"
        return f"; it is called {now} now"
    return f"; it is gone: {GONE[spelled]}" if spelled in GONE else ""
