"""Errors that are not bugs: unusable input, and learning that diverged."""


class UsageError(Exception):
    """Unusable input. The message is one line that names the option or the file.

    The command line prints the message and exits with code 2.
    """


class TaskFailed(RuntimeError):
    """An environment failed in an episode. The message names the task, the seed and the step."""


class Diverged(Exception):
    """A loss or a value estimate became infinite, NaN or huge; the last checkpoint is kept."""
