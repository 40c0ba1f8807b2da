"""What to install on this machine, as the one command that fits it.

docs/troubleshooting.md has the commands of all systems.
"""

import importlib
import os
import platform
import sys
from pathlib import Path
from typing import Literal

from goalrelay.errors import UsageError

System = Literal["debian", "fedora", "macos", "conda"]
Need = Literal["egl", "osmesa", "glfw", "ffmpeg"]

COMMANDS: dict[System, str] = {
    "debian": "sudo apt-get install",
    "fedora": "sudo dnf install",
    "macos": "brew install",
    "conda": "conda install -c conda-forge",
}
PACKAGES: dict[Need, dict[System, str]] = {
    "egl": {
        "debian": "libegl1 libgl1",
        "fedora": "mesa-libEGL mesa-libGL",
        "conda": "'mesalib<25.1'",  # no EGL, but OSMesa, which later ones lack
    },
    "osmesa": {"debian": "libosmesa6", "fedora": "mesa-libOSMesa", "conda": "'mesalib<25.1'"},
    "glfw": {"debian": "libglfw3 libgl1", "fedora": "glfw mesa-libGL", "conda": "glfw"},
    "ffmpeg": {
        "debian": "ffmpeg",
        "fedora": "ffmpeg-free",
        "macos": "ffmpeg",
        "conda": "ffmpeg",
    },
}
"""Packages of the systems by what they are needed for. macOS draws without any."""


def system() -> System | None:
    """The kind of this machine: whose packages it installs; None: another one."""
    conda = os.environ.get("CONDA_PREFIX")
    if conda and Path(conda) == Path(sys.prefix):  # and not a virtual environment on top of it
        return "conda"
    if sys.platform == "darwin":
        return "macos"
    kinds = _os_release()
    if kinds & {"debian", "ubuntu"}:
        return "debian"
    return "fedora" if kinds & {"fedora", "rhel", "centos"} else None


def packages(need: Need) -> str:
    """`sudo apt-get install libegl1`, or what this machine says instead.

    An unknown machine gets the command of Debian, which is said.
    """
    here = system()
    if here is None or here not in PACKAGES[need]:
        return f"on Debian or Ubuntu: {COMMANDS['debian']} {PACKAGES[need]['debian']}"
    command = COMMANDS[here]
    if getattr(os, "geteuid", lambda: 1)() == 0:  # a container may have no sudo
        command = command.removeprefix("sudo ")
    return f"{command} {PACKAGES[need][here]}"


def extra(name: str) -> str:
    """The command that adds optional Python packages, such as those of `viz`."""
    return f"pip install 'goalrelay[{name}]'"


def check(module: str, needs: str, of: str) -> None:
    """Check that an optional Python package is there.

    Args:
        module: its name.
        needs: start of the message, such as `plotting needs`.
        of: the extra that has it.

    Raises:
        UsageError: it is missing.
    """
    try:
        importlib.import_module(module)
    except ImportError:
        raise UsageError(f"{needs} {module}: {extra(of)}") from None


def _os_release() -> set[str]:
    """The names of this Linux and of those that it is like; empty: unknown."""
    try:
        about = platform.freedesktop_os_release()
    except (OSError, ValueError):
        return set()
    return {about.get("ID", ""), *about.get("ID_LIKE", "").split()}
