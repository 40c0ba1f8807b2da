"""goalrelay teaches robots long, sparse-reward tasks: goals relabelled backwards, relayed forwards.

goalrelay.train("her", "FetchReach-v4", until=0.95)   learn; the same as the command line
goalrelay.resume("runs/FetchReach-v4/her/seed-0")      go on after a stop
goalrelay.load("runs/FetchReach-v4/her/seed-0")        the policy: observation -> action
"""

from goalrelay.errors import Diverged, UsageError
from goalrelay.policy import Policy, load
from goalrelay.session import Result, evaluate, resume, train
from goalrelay.tasks import register as _register
from goalrelay.tasks.decomposition import Decomposition, declare, part
from goalrelay.types import Body, Pair, Stage, Symmetry

__version__ = "0.1.0"
__all__ = [
    "Body",
    "Decomposition",
    "Diverged",
    "Pair",
    "Policy",
    "Result",
    "Stage",
    "Symmetry",
    "UsageError",
    "__version__",
    "declare",
    "evaluate",
    "load",
    "part",
    "resume",
    "train",
]

_register()
