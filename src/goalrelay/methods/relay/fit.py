"""Whether relay's options fit a task."""

from goalrelay.errors import UsageError
from goalrelay.methods.relay.config import Config, Variant
from goalrelay.types import Symmetry, Task

ACTUAL = 0.4
"""Fraction of actual goals where one object has a goal (mrl, Pitis et al. 2020)."""


def check_fit(config: Config, task: Task) -> None:
    """Refuse a task without stages, and options that do not fit its stages or each other.

    Raises:
        UsageError: naming the option, or saying how stages are declared.
    """
    spec, guidance, variant = task.spec, config.guidance, config.variant
    if not spec.stages:
        raise UsageError(
            "this task declares no stages, which relay needs; --method.stages auto finds them, "
            "docs/relay.md shows how to declare them in a few lines (the method her needs none)"
        )
    if variant.goal_frame == "world" and config.translation_invariant and spec.position_columns:
        raise UsageError(
            "--method.variant.goal-frame world shows goals as positions in the world, which mean "
            "nothing where position columns are hidden; add --method.no-translation-invariant"
        )
    if len(variant.switch) not in (0, 1, len(spec.stages)) or min(variant.switch, default=0) < 0:
        raise UsageError(
            f"--method.variant.switch takes one number, or one for each of the {len(spec.stages)} "
            "stages, not below 0"
        )
    if guidance.guide == "controller":
        if spec.discrete:
            raise UsageError("--method.guidance.guide controller needs continuous actions")
        if guidance.imitation:
            raise UsageError(
                "--method.guidance.guide controller: the imitation loss needs a learned guide; "
                "add --method.guidance.imitation 0"
            )
        without = [stage.name for stage in spec.stages[:-1] if stage.gain is None]
        if without:
            raise UsageError(
                f"--method.guidance.guide controller: stage '{without[0]}' declares no gain"
            )
    if guidance.guide != "jump-start":
        for name in ("jump_start", "jump_start_episodes"):
            if getattr(variant, name) != getattr(Variant(), name):
                raise UsageError(
                    f"--method.variant.{name.replace('_', '-')} needs "
                    "--method.guidance.guide jump-start"
                )


def actual_fraction(config: Config, task: Task) -> float:
    """The fraction of actual goals.

    Where several objects have goals at once, an actual goal is almost never reached: three pushed
    blocks are learned worse with such goals (docs/notebook.md).
    """
    if config.actual is not None:
        return config.actual
    several = any(len(stage.constraints) > 1 for stage in task.spec.stages)
    return 0.0 if several else ACTUAL


def chosen_symmetries(config: Config, task: Task) -> list[Symmetry]:
    """The symmetries in use.

    Raises:
        UsageError: the task declares no such symmetry.
    """
    usable = () if task.spec.image else task.symmetries  # images are not mirrored with the numbers
    if config.symmetry_augmentation == ("all",):
        return list(usable)
    known = {symmetry.name: symmetry for symmetry in usable}
    for name in config.symmetry_augmentation:
        if name not in known:
            declared = ", ".join(known) or "none"
            raise UsageError(
                f"--method.symmetry-augmentation: this task declares {declared}, not {name}"
                f"{' (none is used with images)' if task.spec.image else ''}"
            )
    return [known[name] for name in config.symmetry_augmentation]
