"""Memory, open files and threads of a long run: do they stay flat? (Linux)

    python benchmarks/soak.py --minutes 120 --out soak.csv

Trains `her` in a process of its own, with a replay buffer that is full after a minute, and with
tests, checkpoints and TensorBoard as usual. Every ten seconds it reads the process's resident
memory, threads and open files. The second quarter of the time is compared with the last one.
Exit code 1: memory grew by more than 2%, or files or threads became more.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASK = "FetchReach-v4"
OPTIONS = ["--replay.capacity", "5000", "--learner.hidden", "64", "64", "--quiet"]
PAUSE, ALLOWED = 10, 0.02


def sample(pid: int) -> dict[str, int]:
    """Resident memory in kB, threads and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in status if ":" in line)
    return {
        "kilobytes": int(values["VmRSS"].split()[0]),
        "threads": int(values["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def soak(minutes: float, folder: Path) -> list[dict[str, float]]:
    """Samples of a training run that lasts so long."""
    words = ["train", "her", TASK, *OPTIONS, "--minutes", str(minutes), "--out", str(folder)]
    process = subprocess.Popen([sys.executable, "-m", "goalrelay.cli", *words])
    begin, samples = time.monotonic(), []
    while process.poll() is None:
        time.sleep(PAUSE)
        try:
            now = sample(process.pid)
        except (OSError, KeyError):  # it has just ended
            break
        samples.append({"seconds": round(time.monotonic() - begin), **now})
    if process.wait():
        sys.exit(f"the run ended with {process.returncode}")
    return samples


def main() -> int:
    """Train, watch, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--out", type=Path, help="table of all samples, CSV")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = soak(arguments.minutes, Path(folder) / "run")
    if len(samples) < 8:
        sys.exit("too short to compare: --minutes 2 at least")
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            table = csv.DictWriter(file, list(samples[0]))
            table.writeheader()
            table.writerows(samples)
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    grown = False
    for name in ("kilobytes", "threads", "files"):
        before, after = (statistics.median(s[name] for s in part) for part in (second, last))
        print(f"{name}: {before:,.0f} in the second quarter, {after:,.0f} in the last")
        grown |= after > before * (1 + ALLOWED if name == "kilobytes" else 1)
    return int(grown)


if __name__ == "__main__":
    sys.exit(main())
