"""Two or three cycles of every method give the figures that they gave when these were frozen."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
TOLERANCE = 2e-3
"""Other processors sum matrix products in another order."""


def reference_runs() -> Any:
    path = ROOT / "benchmarks" / "reference_runs.py"
    spec = importlib.util.spec_from_file_location("reference_runs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNS = reference_runs()
FROZEN = json.loads(RUNS.FROZEN.read_text())


@pytest.mark.parametrize("name", RUNS.TOY)
def test_a_short_run_repeats_its_frozen_figures(name: str, tmp_path: Path) -> None:
    figures = RUNS.figures_of(tmp_path, name, RUNS.TOY[name])
    assert figures.keys() == FROZEN[name].keys()
    for kind, frozen in FROZEN[name].items():
        np.testing.assert_allclose(figures[kind], frozen, rtol=TOLERANCE, atol=1e-5, err_msg=kind)
