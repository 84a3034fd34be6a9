"""The kill notebook leaves nothing running, even when it fails half-way."""

from __future__ import annotations

import contextlib
import copy
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import psutil
import pytest
from nbclient.exceptions import CellExecutionError, DeadKernelError

from .conftest import is_running, wait_until

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03-drive-a-kill.ipynb"

FAILS = "assert len(stage.started) == 4; raise RuntimeError('as planned')"
DIES = "import os; assert len(stage.started) == 4; os.kill(os.getpid(), 9)"


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # has no types


def left(folder: Path) -> list[int]:
    """List the processes that were started with that temporary folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR") == str(folder) and is_running(process.pid):
                found.append(process.pid)
    return found


@pytest.mark.filterwarnings("ignore")  # the notebook machinery's own
@pytest.mark.parametrize(
    ("after", "cell", "error"),
    [
        pytest.param("bf.processes()", FAILS, CellExecutionError, id="fails before the kill"),
        pytest.param("bf.apply_kill(", FAILS, CellExecutionError, id="fails after the kill"),
        pytest.param("bf.processes()", DIES, DeadKernelError, id="its kernel is killed"),
    ],
)
def test_it_leaves_nothing_running(
    after: str, cell: str, error: type[Exception], tmp_path: Path
) -> None:
    notebook = read()
    place = next(i for i, one in enumerate(notebook.cells) if after in one.source) + 1
    bad = copy.deepcopy(notebook.cells[place - 1])
    bad.update(id="ends-here", source=cell)
    notebook.cells.insert(place, bad)
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    with pytest.raises(error, match="as planned" if cell == FAILS else "died"):
        client.execute(env={**os.environ, "TMPDIR": str(tmp_path)})
    wait_until(lambda: not left(tmp_path), "everything that it started has ended")


def test_it_uses_the_facade_alone() -> None:
    notebook = read()
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "bmux_forensics." not in source
    assert "import bmux_forensics as bf" in source
