"""`import goalrelay` is light: what only the command line or a picture needs is not imported."""

import subprocess
import sys

HEAVY = ["rich", "tyro", "matplotlib", "pygame", "minari", "wandb", "imageio", "orbax"]


def test_the_library_imports_nothing_that_only_the_command_line_or_an_extra_needs() -> None:
    code = f"import sys, goalrelay; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
