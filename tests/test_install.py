"""A machine that lacks something gets the one command that installs it there."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from goalrelay import install
from goalrelay.errors import UsageError
from goalrelay.report import video, viewer
from goalrelay.tasks import opengl
from goalrelay.train.session import Result

PAGE = Path(__file__).parent.parent / "docs/troubleshooting.md"
RELEASES: dict[str, dict[str, str]] = {
    "Debian": {"ID": "debian"},
    "Ubuntu": {"ID": "ubuntu", "ID_LIKE": "debian"},
    "Mint": {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"},
    "Fedora": {"ID": "fedora"},
    "Rocky": {"ID": "rocky", "ID_LIKE": "rhel centos fedora"},
    "Arch": {"ID": "arch"},
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes this machine look like another one."""

    def become(name: str, root: bool = False) -> None:
        mac, conda = name == "macOS", name == "conda"
        monkeypatch.setattr(sys, "platform", "darwin" if mac else "linux")
        monkeypatch.delenv("CONDA_PREFIX", raising=False)
        if conda:
            monkeypatch.setenv("CONDA_PREFIX", sys.prefix)
        release = RELEASES.get(name, RELEASES["Debian"])
        monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)

    return become


@pytest.mark.parametrize(
    ("name", "egl", "ffmpeg"),
    [
        ("Debian", "sudo apt-get install libegl1 libgl1", "sudo apt-get install ffmpeg"),
        ("Ubuntu", "sudo apt-get install libegl1 libgl1", "sudo apt-get install ffmpeg"),
        ("Mint", "sudo apt-get install libegl1 libgl1", "sudo apt-get install ffmpeg"),
        ("Fedora", "sudo dnf install mesa-libEGL mesa-libGL", "sudo dnf install ffmpeg-free"),
        ("Rocky", "sudo dnf install mesa-libEGL mesa-libGL", "sudo dnf install ffmpeg-free"),
        ("conda", "conda install -c conda-forge 'mesalib<25.1'", "conda install .* ffmpeg"),
        ("macOS", "on Debian or Ubuntu: .* libegl1 libgl1", "brew install ffmpeg"),
        ("Arch", "on Debian or Ubuntu: .* libegl1 libgl1", "on Debian or Ubuntu: .* ffmpeg"),
    ],
)
def test_each_system_has_its_command(machine: Any, name: str, egl: str, ffmpeg: str) -> None:
    machine(name)
    assert re.fullmatch(egl, install.packages("egl"))
    assert re.fullmatch(ffmpeg, install.packages("ffmpeg"))


def test_root_needs_no_sudo(machine: Any) -> None:
    machine("Debian", root=True)
    assert install.packages("egl") == "apt-get install libegl1 libgl1"


def test_a_virtual_environment_in_a_conda_shell_is_of_the_system(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("Fedora")
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    assert install.system() == "fedora"


def test_a_linux_without_a_description_is_unknown(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise OSError("no os-release")

    machine("Debian")
    monkeypatch.setattr(platform, "freedesktop_os_release", absent)
    assert install.system() is None


def test_without_a_way_to_draw_the_command_is_named(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("Fedora")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(opengl, "complaint", lambda backend: f"no {backend}")
    with pytest.raises(UsageError, match=r"neither works here: sudo dnf install mesa-libEGL"):
        opengl.choose_backend()
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    complaint = r"^MUJOCO_GL=osmesa cannot .* \(no osmesa\); unset it, or: sudo dnf .*libOSMesa$"
    with pytest.raises(UsageError, match=complaint):
        opengl.choose_backend()
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    with pytest.raises(UsageError, match=r"glfw draws on a display, and there is none; unset it$"):
        opengl.choose_backend()


def test_without_a_window_the_command_is_named(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("Ubuntu")
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setattr(opengl, "complaint", lambda backend: f"no {backend}")
    with pytest.raises(
        UsageError, match=r"a window .*; do that; windows need: sudo apt-get .*glfw"
    ):
        viewer.check_display("play", "do that")


@pytest.mark.parametrize("backend", ["osmesa", "nonsense"])
def test_a_renderer_that_keeps_mujoco_from_being_imported_is_named(backend: str) -> None:
    code = (
        "from goalrelay.cli.main import main; raise SystemExit(main(['inspect', 'FetchReach-v4']))"
    )
    environment = os.environ | {"MUJOCO_GL": backend}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if backend == "osmesa" and opengl.complaint("osmesa") is None:
        assert found.returncode == 0  # it works here
        return
    (line,) = found.stderr.splitlines()
    assert found.returncode == 2 and f"; unset MUJOCO_GL={backend}" in line
    assert line.endswith(opengl.needed(backend)) and "Traceback" not in line


def test_an_ffmpeg_that_is_not_there_is_named(
    machine: Any, small_run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("imageio_ffmpeg")
    machine("macOS")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    complaint = r"needs ffmpeg, a .gif does not; unset IMAGEIO_FFMPEG_EXE=/nowhere/ffmpeg, or: brew"
    with pytest.raises(UsageError, match=complaint):
        video.record(small_run.folder, tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())
    video.record(small_run.folder, tmp_path / "out.gif", episodes=1)


def test_without_any_ffmpeg_the_command_is_named(
    machine: Any, small_run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")

    def absent() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    machine("Debian")
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    monkeypatch.setattr(ffmpeg, "get_ffmpeg_exe", absent)
    with pytest.raises(UsageError, match=r"a .gif does not; sudo apt-get install ffmpeg$"):
        video.record(small_run.folder, tmp_path / "out.mp4")


def test_the_page_has_every_command() -> None:
    text = PAGE.read_text()
    for of_system in install.PACKAGES.values():
        for name, packages in of_system.items():
            assert f"`{install.COMMANDS[name]} {packages}`" in text
