"""The connection to a Ray cluster."""

import logging
import os
import socket
from typing import Any

from goalrelay import install
from goalrelay.errors import UsageError, first_line

ANSWER = 10.0
"""Seconds within which a cluster has to answer."""
TOKEN = (
    "; it takes a token: set RAY_AUTH_MODE=token, and copy ~/.ray/auth_token of the first machine to "
    "the others"
)
"""What to do at a cluster that asks who connects."""


def connect(address: str, cpus: int, option: str) -> Any:
    """The module `ray`, connected to a cluster.

    Args:
        address: HOST:PORT, or `auto`; empty: that of the environment variable RAY_ADDRESS, as in
            jobs of Ray; without it a cluster is started here.
        cpus: of a cluster that is started.
        option: that gave the address, for messages.

    Raises:
        UsageError: Ray is not installed, or nothing answers at the address.
    """
    check_installed(option)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    address = address or os.environ.get("RAY_ADDRESS", "")
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        how |= {"num_cpus": cpus, "include_dashboard": False}
    elif address != "auto":
        _check_answers(address, option)  # Ray would try for many minutes
    try:
        ray.init(address=address or "local", **how)
    except Exception as error:  # of a network, or of Ray itself
        where = f"{option} {address}: no cluster answers" if address else "Ray cannot be started"
        more = TOKEN if type(error).__name__ == "AuthenticationError" else ""
        raise UsageError(f"{where}: {first_line(error)}{more}") from error
    return ray


def check_installed(option: str) -> None:
    """Refuse an option that needs Ray, where it is not installed."""
    install.check("ray", f"{option} needs", "ray")


def _check_answers(address: str, option: str) -> None:
    """Refuse an address at which nothing listens."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"{option} is HOST:PORT or auto, not '{address}'")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UsageError(f"{option} {address}: no cluster answers: {reason}") from error
