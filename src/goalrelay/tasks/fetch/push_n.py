"""Push several blocks to their goals on the table, with the fingers closed.

RHER's DPush and TPush (https://github.com/kaixindelele/RHER), for 1 to 6 blocks:
`goalrelay/FetchPushN-v0` with `objects`, and `FetchDoublePush`, `FetchTriplePush`. Observation,
stages and symmetries are those of `several`.

Blocks start within 15 cm of the hand in x and y (25 cm in y for more than three), at least 10 cm
from it and 8 cm from each other; goals lie in the same square, 10 cm from each other and 8 cm
from all blocks. `paper=True` is the published placement. Success: every block closer than 5 cm to
its goal at the last step, of 60 for two blocks (`several.horizon`).

Repaired: in the originals blocks start only in the corners, two of them may overlap, 12 % of
starts have a block at its goal, the success of three blocks ignores the third, the reward of a
step (0 or 1) contradicts the recomputed one, and two blocks start inside each other in the scene.
"""

from typing import Any

import numpy as np

from goalrelay.tasks.fetch import experts_push, several
from goalrelay.tasks.fetch.experts import Expert

REGISTRATIONS = several.sizes("FetchPush", FetchDoublePush=2, FetchTriplePush=3)


class Environment(several.Several):
    """The environment; see the module, and `several.Several` for its arguments."""

    stock_scene = "push"
    above = 0.0

    def __init__(self, **settings: Any):
        super().__init__(blocked=True, **settings)

    def _sample_goal(self) -> np.ndarray:
        return self._goals(self.count).reshape(-1)


def expert() -> Expert:
    """A controller for one episode: push one block after the other."""
    return experts_push.push()
