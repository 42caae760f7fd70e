"""Run the notebooks of docs/ in a kernel; `python tests/notebooks.py` writes their outputs anew."""

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
LESSONS = {"en": DOCS / "lesson.ipynb", "es": DOCS / "leccion.ipynb"}
SECONDS = 600  # timeout of a cell, on a busy machine
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@contextlib.contextmanager
def _own_commands() -> Iterator[None]:
    """Let `!descenso` be the command of this environment."""
    before = os.environ["PATH"]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def execute(path: Path, folder: Path) -> list[Any]:
    """Run a notebook's cells in `folder`, which becomes the working directory; return them with their outputs.

    An error in a cell raises nbclient's CellExecutionError. Progress bars and standard error are left out, such as
    TensorFlow's messages at start: they differ between machines.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=SECONDS, record_timing=False, resources={"metadata": {"path": folder}})
    with _own_commands():
        cells = json.loads(nbformat.writes(client.execute()))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = _joined(cell["outputs"])
    return cells


def _joined(outputs: list[Any]) -> list[Any]:
    """Keep printed text, joined into one piece, returned values, and pictures."""
    joined: list[Any] = []
    for output in outputs:
        kind = output["output_type"]
        if output.get("name") == "stderr" or (kind == "display_data" and "image/png" not in output["data"]):
            continue
        if kind == "stream" and joined and joined[-1]["output_type"] == "stream":
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def text_of(cell: Any) -> str:
    """Return the text that a cell printed and returned, without that of pictures, which contains their size."""
    texts = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" not in data:
            texts.append("".join(output.get("text", [])) + "".join(data.get("text/plain", [])))
    return COLOUR.sub("", "\n".join(texts))


def write(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cells = execute(path, Path(folder))
    notebook = read(path)
    for cell, ran in zip(notebook["cells"], cells, strict=True):
        if cell["cell_type"] == "code":
            cell |= {"outputs": ran["outputs"], "execution_count": ran["execution_count"]}
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for each in LESSONS.values():
        write(each)
