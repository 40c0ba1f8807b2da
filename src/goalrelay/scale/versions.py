"""Whether the packages of physics on a device are there and fit, asked before they are imported."""

import importlib.metadata

from goalrelay import install
from goalrelay.errors import UsageError


def check_mjx() -> None:
    """Check that mujoco-mjx is there, of MuJoCo's own minor version.

    Raises:
        UsageError: it is not.
    """
    needs = "--scale.physics mjx needs mujoco-mjx"
    try:
        mjx = importlib.metadata.version("mujoco-mjx")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(f"{needs}: {install.extra('mjx')}") from None
    mujoco = importlib.metadata.version("mujoco")
    wanted, found = (version.split(".")[:2] for version in (mujoco, mjx))
    if wanted != found:
        raise UsageError(
            f"{needs} of the version of mujoco {mujoco}, found {mjx}: "
            f"pip install 'mujoco-mjx=={'.'.join(wanted)}.*'"
        )
