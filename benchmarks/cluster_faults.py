"""A Ray cluster of two nodes, each in a network namespace of its own, and what it survives.

    sudo python benchmarks/cluster_faults.py --kills 20 --out runs/cluster

1. A run by threads gives the curve.
2. The same run by workers on both nodes; one node is killed in the middle, and started again later.
3. The same run, while a worker or the driver is killed at random moments; the driver is resumed.

Every curve must be that of step 1, and the buffer must hold each episode once. Needs root and `ip`
(Debian: iproute2), since namespaces stand for machines: a node has its own address and processes.
"""

import argparse
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from goalrelay.train import checkpoint

NET = "10.77.0"
NODES = {"relay-a": f"{NET}.1", "relay-b": f"{NET}.2"}
BRIDGE, HEAD, PORT = "relay-bridge", "relay-a", 6379
TRAIN = [
    *("train", "her", "goalrelay/PointReach-v0", "--learner", "td3", "--seed", "0"),
    *("--learner.hidden", "32", "32", "--collect.episodes", "8", "--save.no-tensorboard"),
    *("--evaluate.every", "80", "--evaluate.episodes", "20", "--save.every", "1"),
]
ENVIRONMENT = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
"""The nodes have one home folder, and so one token."""
RAY = Path(sys.executable).parent / "ray"


def shell(*words: str, check: bool = True) -> str:
    """Run a command; its output."""
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


def inside(node: str, *words: str) -> list[str]:
    """A command in the namespace of a node."""
    return ["ip", "netns", "exec", node, *words]


def build_network() -> None:
    """Two namespaces, joined by a bridge; nothing else is reached from them."""
    remove_network()
    shell("ip", "link", "add", BRIDGE, "type", "bridge")
    shell("ip", "link", "set", BRIDGE, "up")
    for number, (node, address) in enumerate(NODES.items()):
        out, own = f"relay-{number}", f"relay-in-{number}"
        shell("ip", "netns", "add", node)
        shell("ip", "link", "add", out, "type", "veth", "peer", "name", own)
        shell("ip", "link", "set", out, "master", BRIDGE, "up")
        shell("ip", "link", "set", own, "netns", node)
        shell(*inside(node, "ip", "addr", "add", f"{address}/24", "dev", own))
        shell(*inside(node, "ip", "link", "set", own, "up"))
        shell(*inside(node, "ip", "link", "set", "lo", "up"))


def remove_network() -> None:
    """Remove what `build_network` made, and end what runs there."""
    for node in NODES:
        kill_node(node)
        shell("ip", "netns", "del", node, check=False)
    for link in ("relay-0", "relay-1", BRIDGE):  # what a namespace held may outlive it for a while
        shell("ip", "link", "del", link, check=False)


def start_node(node: str) -> None:
    """Start Ray on a node, with one CPU."""
    words = ["--head", f"--port={PORT}"] if node == HEAD else [f"--address={NODES[HEAD]}:{PORT}"]
    here = [f"--node-ip-address={NODES[node]}", "--num-cpus=1", f"--temp-dir=/tmp/{node}"]
    if node != HEAD:
        here.pop()  # it is that of the head
    words += ["--include-dashboard=false"] if node == HEAD else []
    command = inside(node, str(RAY), "start", *words, *here)
    started = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    if started.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{started.stdout}{started.stderr}")


def kill_node(node: str) -> None:
    """End every process of a node, as a power cut does."""
    for pid in shell("ip", "netns", "pids", node, check=False).split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def driver(out: Path, episodes: int) -> subprocess.Popen[bytes]:
    """Begin the run on the head's node, or go on with it."""
    words = ["resume", str(out)]
    if not (out / "config.json").exists():
        scale = ["--scale.workers", "2", "--scale.address", f"{NODES[HEAD]}:{PORT}"]
        words = [*TRAIN, *scale, "--episodes", str(episodes), "--out", str(out)]
    log = (out.parent / f"{out.name}.log").open("ab")
    command = inside(HEAD, sys.executable, "-m", "goalrelay.cli", *words)
    return subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)


def rows(out: Path) -> int:
    """Rows of the curve so far."""
    file = out / "progress.csv"
    return len(file.read_text().splitlines()) if file.exists() else 0


def workers() -> list[int]:
    """Processes of workers, on both nodes."""
    found = []
    for node in NODES:
        for pid in shell("ip", "netns", "pids", node).split():
            name = Path(f"/proc/{pid}/cmdline")
            if name.exists() and b"_Actor" in name.read_bytes():
                found.append(int(pid))
    return found


def check(out: Path, curve: str, episodes: int) -> dict[str, object]:
    """Whether the run has the curve, and holds each episode once."""
    folder = out / "checkpoint"
    arrays = checkpoint.read(folder / f"{checkpoint.cycles(folder)[-1]}.safetensors")
    counted = int(arrays["['counters']['episodes']"])
    stored = len(arrays["['buffer']['length']"])
    return {
        "run": out.name,
        "curve": (out / "progress.csv").read_text() == curve,
        "episodes": counted,
        "stored": stored,
        "whole": counted == stored == episodes,
    }


def node_dies(out: Path, episodes: int) -> None:
    """Kill a node after a fifth of the curve; start it again after half of it."""
    process = driver(out, episodes)
    total = episodes // 80 + 1
    wait(process, lambda: rows(out) > total // 5)
    kill_node("relay-b")
    wait(process, lambda: rows(out) > total // 2)
    start_node("relay-b")
    assert process.wait() == 0, f"see {out}.log"


def wait(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> None:
    """Wait for something while a run goes on."""
    while process.poll() is None and not until():
        time.sleep(0.2)


def _grows(out: Path, before: int) -> bool:
    """Whether workers are there, and the curve has grown."""
    return bool(workers()) and rows(out) > before


def random_kills(out: Path, episodes: int, kills: int) -> dict[str, int]:
    """Kill a worker, or every third time the driver, at random moments."""
    chance, counts = random.Random(0), {"worker": 0, "driver": 0}
    process = driver(out, episodes)
    while sum(counts.values()) < kills:
        grown = functools.partial(_grows, out, rows(out))
        wait(process, grown)
        time.sleep(chance.uniform(0.0, 2.0))
        if process.poll() is not None:
            break
        there = workers()
        if chance.random() < 1 / 3 or not there:
            for pid in shell("ip", "netns", "pids", HEAD).split():
                name = Path(f"/proc/{pid}/cmdline")
                if name.exists() and b"goalrelay.cli" in name.read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
            process.wait()
            process = driver(out, episodes)
            counts["driver"] += 1
        else:
            os.kill(chance.choice(there), signal.SIGKILL)
            counts["worker"] += 1
    assert process.wait() == 0, f"see {out}.log"
    return counts


def main() -> None:
    """Make the three runs, and print what they show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=2400)
    parser.add_argument("--out", type=Path, default=Path("runs/cluster"))
    given = parser.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True)
    words = [*TRAIN, "--episodes", str(given.episodes), "--out", str(out / "threads")]
    subprocess.run([sys.executable, "-m", "goalrelay.cli", *words], check=True)
    curve = (out / "threads" / "progress.csv").read_text()
    build_network()
    try:
        for node in NODES:
            start_node(node)
        node_dies(out / "node", given.episodes)
        print(json.dumps(check(out / "node", curve, given.episodes)), flush=True)
        counts = random_kills(out / "kills", given.episodes, given.kills)
        print(json.dumps(check(out / "kills", curve, given.episodes) | {"killed": counts}))
    finally:
        remove_network()


if __name__ == "__main__":
    main()
