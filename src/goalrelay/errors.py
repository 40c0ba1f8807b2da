"""The two ways a run can end that are not bugs: the user's input, and the learning itself."""


class UsageError(Exception):
    """Input that cannot work. One line, in the user's words, naming the option or the file.

    The command line prints the line and exits with code 2.
    """


class Diverged(Exception):
    """A loss or a value estimate became infinite or absurd; the last good checkpoint is kept."""
