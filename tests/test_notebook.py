"""The notebook: its code names what is there, it is committed without outputs, and it runs."""

import ast
import inspect
import json
import resource
from pathlib import Path
from typing import Any

import pytest

import goalrelay
from goalrelay.train import session

NOTEBOOK = Path(__file__).parent.parent / "docs/tour.ipynb"
SECONDS = 2 * 180
"""Of processor time: what the page promises, three minutes on two cores."""


def cells(kind: str) -> list[dict[str, Any]]:
    return [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == kind]


def sources() -> list[str]:
    return ["".join(cell["source"]) for cell in cells("code")]


def test_it_is_committed_without_outputs() -> None:
    for cell in cells("code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None


def test_its_code_names_what_is_there() -> None:
    """Every import, every name of goalrelay's, and every keyword of its functions."""
    named = 0
    for source in sources():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(ast.unparse(node), {})
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("goalrelay."):
                function = getattr(goalrelay, ast.unparse(node.func).removeprefix("goalrelay."))
                known = {*inspect.signature(function).parameters, *session.Options.__annotations__}
                assert {str(keyword.arg) for keyword in node.keywords} <= known
                named += 1
    assert named >= 3


@pytest.mark.slow
def test_it_runs_within_its_time(tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = computed()
    client = nbclient.NotebookClient(
        notebook, timeout=900, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert computed() - before < SECONDS
    shown = [
        output["data"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "data" in output
    ]
    assert sum("image/png" in data for data in shown) == 3
    assert any("<video" in data.get("text/html", "") for data in shown)


def computed() -> float:
    """Seconds of processor time of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
