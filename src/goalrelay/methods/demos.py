"""Learning from demonstrations: hindsight or relay, with a demonstrator's episodes beside its own.

Nair et al. 2018 (arXiv 1709.10089) and OpenAI Baselines' HER, with either method underneath:

    collect:  as the method underneath
    sample:   a share of every batch from the demonstrations, relabelled like all else
    update:   the learner's; its actor also imitates demonstrated steps that led to their goal,
              given or in hindsight                                       (`learners.cloning`)

A share of one half without imitation is the sampling of RLPD (Ball et al. 2023); a share of one
with nothing but imitation is plain behaviour cloning, with hindsight.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import numpy as np

from goalrelay.errors import UsageError
from goalrelay.exploration import Exploration
from goalrelay.goals import Progress
from goalrelay.methods import Act, Network, Preset, her, relay
from goalrelay.methods.her import Config as HerConfig
from goalrelay.methods.relay import Config as RelayConfig
from goalrelay.priority import Name as PriorityName
from goalrelay.relabel import Rules
from goalrelay.replay import Replay
from goalrelay.settings import number
from goalrelay.types import Batch, Index, Spec

DEMONSTRATED = True
PARTS = ()
NEEDS_GOALS = True
FIGURES = ("innr",)


@dataclass(frozen=True)
class Config:
    """Learning from demonstrations."""

    data: str = ""
    """Folder of the demonstrations, a Minari dataset; `goalrelay demos record` makes one."""
    episodes: int | None = number(None, 1)
    """Use the first so many demonstrations (default: all)."""
    share: float = number(0.125, 0, 1)
    """Share of every batch that is drawn from the demonstrations."""
    base: Literal["relay", "her"] = "relay"
    """The method underneath."""
    relay: RelayConfig = field(default_factory=RelayConfig)
    """Its options, if it is relay."""
    her: HerConfig = field(default_factory=HerConfig)
    """Its options, if it is her."""

    @property
    def exploration(self) -> Exploration:
        """Noise while collecting."""
        return _base(self)[1].exploration

    @property
    def priority(self) -> PriorityName:
        """Which steps are drawn more often."""
        return _base(self)[1].priority


def _on(base: str, preset: Preset, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A preset of the method underneath, as options of this method, with changes."""
    moved = {
        name.replace("method.", f"method.{base}.", 1): v for name, v in preset.settings.items()
    }
    return {**moved, "method.base": base, **changes}


OURS = relay.PRESETS["default"]

PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Relay's default preset; an eighth of every batch is demonstrated and, where the critic "
        "thinks it better, imitated.",
        OURS.learner,
        _on("relay", OURS, {"learner.cloning.weight": 1.0}),
    ),
    "baselines-demos": Preset(
        "OpenAI Baselines HER with demonstrations: 128 demonstrated steps in a batch of 1,024, "
        "imitation through the Q-filter, less noise.",
        "ddpg",
        _on(
            "her",
            her.PRESETS["baselines"],
            {
                "method.share": 0.125,
                "method.her.exploration.noise": 0.1,
                "method.her.exploration.random": 0.1,
                "learner.batch_size": 1024,
                "learner.cloning.weight": 0.0078,
                "learner.cloning.policy_weight": 0.001,
                "learner.cloning.q_filter": True,
                "collect.episodes": 2,
            },
        ),
    ),
    "half": Preset(
        "Relay's default preset, every batch half demonstrated, without imitation: the sampling "
        "of RLPD (Ball et al. 2023), not its ensemble and layer normalisation.",
        OURS.learner,
        _on("relay", OURS, {"method.share": 0.5}),
    ),
    "cloning": Preset(
        "Plain behaviour cloning: nothing but imitation of what led to the relabelled goal.",
        OURS.learner,
        _on(
            "relay",
            OURS,
            {
                "method.share": 1.0,
                "learner.cloning.weight": 1.0,
                "learner.cloning.policy_weight": 0.0,
                "learner.cloning.q_filter": False,
            },
        ),
    ),
}


def check(config: Config, rules: Rules) -> None:
    """Refuse what the method underneath refuses, and a run without demonstrations.

    Raises:
        UsageError: naming the option.
    """
    if rules.demonstrations is None:
        raise UsageError("--method.data must name a folder of demonstrations (see demos record)")
    method, own = _base(config)
    method.check(own, rules)


def input_size(config: Config, spec: Spec) -> int:
    """That of the method underneath."""
    method, own = _base(config)
    return method.input_size(own, spec)


def normalized(config: Config, spec: Spec) -> np.ndarray:
    """As the method underneath."""
    method, own = _base(config)
    return method.normalized(own, spec)


def play(config: Config, spec: Spec, network: Network) -> Act:
    """As the method underneath."""
    method, own = _base(config)
    return method.play(own, spec, network)


def begin(
    config: Config, spec: Spec, network: Network, progress: Progress, rng: np.random.Generator
) -> Act:
    """As the method underneath."""
    method, own = _base(config)
    return method.begin(own, spec, network, progress, rng)


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B]: own steps first, then a share of demonstrated ones."""
    method, own = _base(config)
    demonstrations = rules.demonstrations
    assert demonstrations is not None, "`check` saw to it"
    shown = round(config.share * shape[1])
    pieces, figures = [], {"innr": float("nan")}
    if shown < shape[1]:
        batch, figures = method.sample(own, rules, replay, (shape[0], shape[1] - shown), rng)
        pieces.append(batch)
    if shown:
        batch, _ = method.sample(own, rules, demonstrations, (shape[0], shown), rng)
        pieces.append(batch)
    return jax.tree.map(lambda *fields: np.concatenate(fields, axis=1), *pieces), figures


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """As the method underneath."""
    method, own = _base(config)
    return method.observed(own, rules, replay, index, rng)


def _base(config: Config) -> tuple[Any, Any]:
    """The module of the method underneath, and its options."""
    return (relay, config.relay) if config.base == "relay" else (her, config.her)
