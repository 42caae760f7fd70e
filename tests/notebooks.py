"""Run the notebooks of docs/ in a kernel of their own; `python tests/notebooks.py` writes their outputs anew."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parents[1] / "docs"
LESSONS = {"en": DOCS / "lesson.ipynb", "es": DOCS / "leccion.ipynb"}
SECONDS = 600  # that a cell may take, on a machine that is busy


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def execute(notebook: Any, folder: Path) -> Any:
    """Run all cells in `folder`, and return the notebook with their outputs; raise at the first error."""
    scripts = Path(sys.executable).parent  # so that `!descenso` is the one of this environment
    os.environ["PATH"] = os.pathsep.join([str(scripts), os.environ["PATH"]])
    client = NotebookClient(
        notebook, timeout=SECONDS, record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def text_of(cell: Any) -> str:
    """What a cell printed, and the text of what it returned."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif "image/png" not in output.get("data", {}):
            parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def write(path: Path) -> None:
    """Run a notebook, and replace its outputs."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = execute(read(path), Path(folder))
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for page in LESSONS.values():
        write(page)
