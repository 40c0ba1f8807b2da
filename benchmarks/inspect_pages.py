"""docs/inspect.md: what `goalrelay inspect` prints for ten tasks.

    python benchmarks/inspect_pages.py

The page is made by this file alone. Needs `pip install panda-gym`.
"""

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs/inspect.md"
TITLE = """# What goalrelay inspect prints

`goalrelay inspect TASK` plays some hundred steps of a task and says what it is. It uses nothing
that the task declares. How it finds it: [relay](relay.md#goalrelay-inspect). This page is made by
`python benchmarks/inspect_pages.py`. Do not edit it.

| part | what it says |
| --- | --- |
| contract | what the task declares; its rewards, success, time limit and resets |
| observation | its columns, [what they are](relay.md#declaring-stages), why, and their range |
| goal | ranges of the goals; at what distance from its goal the task counts as reached |
| motion | the hand (what the actions move), and the objects that move when it comes near |
| not sure | what a person should check before it is declared; `(?)` in the list of columns |

The code at the end declares all of it. Save it as a module, such as `mine.py`, and train by
`goalrelay train relay mine:TASK`. Or train without the code, by `--method.stages auto` (relay) or
`--method.structure auto` (her).
"""
TASKS = {
    "FetchReach-v4": "The goal is a place for the hand itself. There is no object.",
    "FetchPush-v4": "A hand and a block. Two columns stay near 0, so what they are is not known.",
    "FetchPickAndPlace-v4": "A gripper that opens and closes: the last number of the action.",
    "FetchSlide-v4": "A puck instead of the block. It begins to move at another distance.",
    "goalrelay/FetchDoublePush-v0": "Two blocks. The stages are made of a list of objects.",
    "goalrelay/FetchStack-v0": "A tower of two. The lower goal comes first.",
    "panda_gym:PandaPush-v3": "Somebody else's task. It declares nothing.",
    "panda_gym:PandaStack-v3": "Somebody else's task with two blocks.",
    "PointMaze_UMaze-v3": "A ball in a maze. The actions are forces, so there is no hand.",
    "goalrelay/AntMaze-v0": "A walker in a maze. Its reward is a distance, not done or not done.",
}
"""Task -> one line about it."""
WHOLE = ("FetchPush-v4", "panda_gym:PandaPush-v3", "goalrelay/FetchDoublePush-v0")
"""Tasks whose code is shown."""
PASTE = "to declare it, paste this into a module"


def section(task: str, printed: str) -> str:
    """A section of the page, with what the command printed."""
    report = printed[printed.index(f"{task}\n") :].rstrip()  # a task may print while it is imported
    before, paste, code = report.partition(PASTE)
    if paste and task not in WHOLE:
        lines = len(code.strip().splitlines())
        report = f"{before}{PASTE}\n\n[{lines} lines of code are left out here]"
    return f"## {task}\n\n{TASKS[task]}\n\n```text\n{report}\n```\n"


def inspected(task: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "goalrelay.cli", "inspect", task]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    PAGE.write_text("\n".join([TITLE, *(section(task, inspected(task)) for task in TASKS)]))
