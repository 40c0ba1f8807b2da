"""Build a tower of several blocks.

RHER's Stack and TStack (https://github.com/kaixindelele/RHER), for 1 to 6 blocks:
`goalrelay/FetchStackN-v0` with `objects`, and `FetchStack`, `FetchTripleStack`. Observation, stages
and symmetries are those of `several`.

Blocks start as in `push_n`. The goal of the first block lies on the table, 8 cm from all blocks;
that of block m is m times 5 cm above it. The fingers move. `paper=True` is the published placement.
Success: every block closer than 5 cm to its goal at the last step, of 60 for two blocks
(`several.horizon`).

Repaired: as in `push_n`; also, no block starts at the position of the tower.
"""

import numpy as np

from goalrelay.tasks.fetch import experts_stack, several
from goalrelay.tasks.fetch.experts import Expert
from goalrelay.tasks.fetch.scene import BLOCK

REGISTRATIONS = several.sizes("FetchStack", FetchStack=2, FetchTripleStack=3)


class Environment(several.Several):
    """The environment; see the module, and `several.Several` for its arguments."""

    stock_scene = "pick_and_place"
    above = 0.2
    tower = True

    def _sample_goal(self) -> np.ndarray:
        tower = np.repeat(self._goals(1), self.count, axis=0)
        tower[:, 2] += 2 * BLOCK * np.arange(self.count)
        return tower.reshape(-1)


def expert() -> Expert:
    """A controller for one episode: stack one block after the other."""
    return experts_stack.stack()
