"""The connection to a Ray cluster."""

import logging
import os
import socket
import warnings
from typing import Any

from goalrelay import install
from goalrelay.errors import Notice, UsageError, first_line
from goalrelay.scale.address import address_of

ANSWER = 10.0
"""Seconds within which a cluster has to answer."""
BUSY = "Ray cannot be started (a machine that is very busy may be the cause; try again)"
"""How the message begins where no cluster can be started here."""
TOKEN = (
    "; it takes a token: set RAY_AUTH_MODE=token, and copy ~/.ray/auth_token of the first machine "
    "to the others"
)
"""What to do at a cluster that asks who connects."""


def connect(address: str, cpus: int, option: str) -> tuple[Any, bool]:
    """The module `ray`, connected to a cluster, and whether this connected it.

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

    if ray.is_initialized() and not address:  # such as in a notebook, or in a run of a sweep
        return ray, False
    address = address or os.environ.get("RAY_ADDRESS", "")
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        how |= {"num_cpus": cpus, "include_dashboard": False}
    elif address != "auto":
        _check_answers(address, option)  # Ray would try for many minutes
    if not address:
        warnings.warn(Notice("Ray starts, which takes 10 to 40 seconds"), stacklevel=2)
    try:
        _initialize(ray, address or "local", how)
    except Exception as error:  # of a network, or of Ray itself
        where = f"{option} {address}: no cluster answers" if address else BUSY
        more = TOKEN if type(error).__name__ == "AuthenticationError" else ""
        raise UsageError(f"{where}: {first_line(error)}{more}") from error
    return ray, True


def _initialize(ray: Any, address: str, how: dict[str, Any]) -> None:
    """Connect; a cluster that does not start in time, on a machine that is busy, is tried again."""
    for last in (False, True):
        try:
            ray.init(address=address, **how)
            return
        except Exception as error:
            if last or address != "local" or "timed out" not in str(error):
                raise
            ray.shutdown()


def check_installed(option: str) -> None:
    """Refuse an option that needs Ray, where it is not installed."""
    install.check("ray", f"{option} needs", "ray")


def _check_answers(address: str, option: str) -> None:
    """Refuse an address at which nothing listens."""
    try:
        socket.create_connection(address_of(address, option), ANSWER).close()
    except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UsageError(f"{option} {address}: no cluster answers: {reason}") from error
