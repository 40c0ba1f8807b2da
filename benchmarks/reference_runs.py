"""Short runs of every method, to prove that a change of the code changes no behaviour.

    python benchmarks/reference_runs.py --against COMMIT      bit for bit, on this machine
    python benchmarks/reference_runs.py --write               the figures that the tests compare

The first makes each run with the sources as they are and with those of a commit, one after the
other, and compares all weights and all figures. It has to be one machine, and one core: the last
bits of a matrix product depend on both. The tests (tests/train/test_reference_runs.py) compare the
small runs with frozen figures, to a tolerance that other machines keep.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).parent.parent
FROZEN = ROOT / "tests" / "reference_runs.json"
OFTEN = "--evaluate.every 1 --evaluate.episodes 2 --evaluate.confirm 2 --save.no-tensorboard"
SMALL = "--learner.hidden 16 16 --learner.batch-size 32 --collect.updates 4"
STEPS = f"{SMALL} --collect.updates-per cycle --method.exploration.random-steps 40"
TOY: dict[str, str] = {
    "her-td3": f"her goalrelay/PointReach-v0 --learner td3 --episodes 4 {SMALL}",
    "her-baselines": f"her goalrelay/PointReach-v0 --preset baselines --episodes 4 {SMALL}",
    "her-dqn": "her goalrelay/BitFlip-v0 --learner dqn --episodes 4 --learner.hidden 16",
    "her": f"her goalrelay/PointReach-v0 --episodes 4 {SMALL}",
    "flat": f"flat goalrelay/PointReach-v0 --episodes 4 {STEPS}",
    "relay": f"relay goalrelay/FetchPush-v0 --episodes 6 {SMALL}",
    "relay-paper": f"relay goalrelay/FetchPush-v0 --preset rher-paper --episodes 3 {SMALL}",
    "hierarchy": f"hierarchy goalrelay/PointMazeSparse-v0 --episodes 4 {STEPS}",
    "hiro": f"hiro goalrelay/PointMazeSparse-v0 --preset hiro-xy --episodes 3 {STEPS}",
}
"""Small runs, which the tests make too."""
WHOLE: dict[str, str] = {
    "her-fetch": "her FetchReach-v4 --episodes 4",
    "her-energy": "her FetchPush-v4 --episodes 4 --learner td3 --method.priority energy",
    "relay-push": "relay FetchPush-v4 --episodes 8",
    "relay-tower": "relay goalrelay/FetchTripleStack-v0 --episodes 6",
    "relay-jump": "relay FetchPush-v4 --episodes 6 --method.guidance.guide jump-start",
    "hierarchy-ant": "hierarchy goalrelay/AntMazeSparse-v0 --episodes 4 "
    "--method.exploration.random-steps 500",
    "hierarchy-gather": "hierarchy goalrelay/AntGather-v0 --episodes 4 "
    "--method.exploration.random-steps 500",
    "hiro-ant": "hiro goalrelay/AntMaze-v0 --episodes 2",
}
"""Runs with the presets as they are."""


def main() -> int:
    """Compare, or write what is compared."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--against", metavar="COMMIT", help="compare with the sources of a commit")
    parser.add_argument("--write", action="store_true", help="write the figures of the small runs")
    given = parser.parse_args()
    if given.write:
        with tempfile.TemporaryDirectory() as folder:
            figures = {name: figures_of(Path(folder), name, words) for name, words in TOY.items()}
        FROZEN.write_text(json.dumps(figures, indent=1) + "\n")
        return 0
    if not given.against:
        parser.error("--against COMMIT or --write is needed")
    return compare(given.against)


def compare(commit: str) -> int:
    """Print for every run whether both sources agree; returns how many do not."""
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "sources"
        subprocess.run(["git", "worktree", "add", "--detach", other, commit], cwd=ROOT, check=True)
        try:
            for name, words in (TOY | WHOLE).items():
                runs = [
                    make(source, Path(folder) / label / name, words.split())
                    for label, source in (("now", ROOT), ("then", other))
                ]
                equal = same(*runs)
                differing += not equal
                print(f"{name:18} {'equal' if equal else 'DIFFERS'}", flush=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", other], cwd=ROOT, check=True)
    return differing


def make(source: Path, out: Path, words: Sequence[str]) -> Path:
    """Make a run with the sources of a tree, on one core; returns its folder."""
    core = min(os.sched_getaffinity(0))
    environment = os.environ | {"PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-m", "goalrelay.cli", "train", *words, *OFTEN.split(), "--out", out],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return out


def same(one: Path, other: Path) -> bool:
    """Whether two runs have equal weights and equal figures."""
    weights = [load_file(run / "policy-last.safetensors") for run in (one, other)]
    rows = [(run / "progress.csv").read_text() for run in (one, other)]
    equal = all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    return rows[0] == rows[1] and weights[0].keys() == weights[1].keys() and equal


def figures_of(folder: Path, name: str, words: str) -> dict[str, list[float]]:
    """Mean sizes of the weights of each layer, and the last row of progress.csv."""
    from goalrelay.cli.main import main as goalrelay

    out = folder / name
    arguments = ["train", *words.split(), *OFTEN.split(), "--quiet", "--out", str(out)]
    if goalrelay(arguments):
        raise RuntimeError(f"the reference run {name} failed")
    weights = load_file(out / "policy-last.safetensors")
    kinds = sorted(key for key in weights if ".weights." in key)
    last = list(csv.DictReader((out / "progress.csv").open()))[-1]
    return {
        "weights": [float(np.abs(weights[key]).mean()) for key in kinds],
        "figures": [float(value) for value in last.values() if value not in ("", "nan")],
    }


if __name__ == "__main__":
    sys.exit(main())
