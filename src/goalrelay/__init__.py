"""goalrelay teaches robots long, sparse-reward tasks: goals relabelled backwards, relayed forwards.

goalrelay.train("her", "FetchReach-v4", until=0.95)   learn; the same as the command line
goalrelay.resume("runs/FetchReach-v4/her/seed-0")      go on after a stop
goalrelay.load("runs/FetchReach-v4/her/seed-0")        the policy: observation -> action
"""

from goalrelay import interrupts as interrupts  # first: other imports take seconds
from goalrelay.errors import Diverged, UsageError
from goalrelay.tasks import register as _register
from goalrelay.tasks.column_kinds import ColumnKinds
from goalrelay.tasks.structure import TaskStructure, columns, declare
from goalrelay.train.policy import Policy, load
from goalrelay.train.session import Result, evaluate, resume, train
from goalrelay.types import BodyFrame, Columns, GoalConstraint, SignedPermutation, Stage, Symmetry

__version__ = "0.2.0"
__all__ = [
    "BodyFrame",
    "ColumnKinds",
    "Columns",
    "Diverged",
    "GoalConstraint",
    "Policy",
    "Result",
    "SignedPermutation",
    "Stage",
    "Symmetry",
    "TaskStructure",
    "UsageError",
    "__version__",
    "columns",
    "declare",
    "evaluate",
    "load",
    "resume",
    "train",
]

_register()
