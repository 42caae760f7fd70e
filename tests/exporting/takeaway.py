"""Train small runs of each model, export them, and read the exports again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import descenso as ds
from descenso.api import inference
from descenso.data.dataset import scaling
from descenso.exporting import FORMATS, export
from samples import tiny_dataset

DOCS = Path(__file__).parents[2] / "docs" / "export.md"
READER = Path(__file__).parent / "reader.py"
LIGHT = ("onnx", "litert", "npz", "numpy-script")  # formats whose runtimes need no TensorFlow
ROWS = 1_000
FAST = {"model": "softmax", "engine": "function", "epochs": 2, "batch_size": 50, "learning_rate": 0.05}
RUNS = {
    "softmax": {},
    "mlp": {"model": "mlp", "hidden": "16,8", "activation": "sigmoid"},
    "cnn": {"model": "cnn", "filters": "4,6", "hidden": "8", "augment": 0.5, "dropout": 0.2},
    "table": {"model": "mlp", "hidden": "12", "activation": "gelu"},
}


def table() -> ds.Dataset:
    """Return 300 + 1,000 rows of years, shares and large amounts, columns of very different magnitudes."""
    random = np.random.default_rng(7)
    labels = random.integers(3, size=300 + ROWS, dtype=np.int32)
    drawn = random.normal(labels[:, None] * [0.4, -0.8, 1.2], 1.0, (len(labels), 3))
    inputs = drawn * [12.0, 0.01, 4e4] + [1970.0, 0.5, -1e5]
    scaled = scaling(inputs[:300], "table")
    splits = (ds.Split(inputs[part], labels[part]) for part in (slice(300), slice(300, None)))
    return ds.Dataset("table", *splits, ("á", "b", "c"), scaled, ("year", "share", "amount"))


def train(folder: Path, name: str, **settings: object) -> Path:
    """Train a run of `RUNS` in `folder/run`, and save its test rows in `folder/rows.npy`."""
    data = table() if name == "table" else tiny_dataset(test_rows=ROWS)
    ds.train(data, out=folder / "run", **{**FAST, **RUNS[name], **settings})
    np.save(folder / "rows.npy", data.test.inputs)
    return folder


def truth(folder: Path) -> np.ndarray:
    """Return the run's own probabilities for the rows."""
    return inference.load_trained(folder / "run").predictor.probabilities(np.load(folder / "rows.npy"))


def snippets() -> dict[str, str]:
    """Return the Python code of docs/export.md by format."""
    text = DOCS.read_text(encoding="utf-8")
    return dict(re.findall(r"^## ([\w-]+)\n.*?^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def export_all(folder: Path) -> None:
    """Export every format, under the names that the snippets use."""
    for to, ending in FORMATS.items():
        export(folder / "run", to, folder / f"model{ending}")


def read_again(formats: tuple[str, ...], *folders: Path) -> list[str]:
    """Run the snippets of `formats` in a new process; return which of TensorFlow and descenso it imported."""
    chosen = folders[0] / "snippets.json"
    chosen.write_text(json.dumps({to: code for to, code in snippets().items() if to in formats}), encoding="utf-8")
    command = [sys.executable, READER, chosen, *folders]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def assert_same(seen: np.ndarray, wanted: np.ndarray) -> None:
    """Check for equal classes on every row and probabilities within 1e-5."""
    assert seen.shape == wanted.shape
    np.testing.assert_array_equal(seen.argmax(axis=1), wanted.argmax(axis=1))
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=1e-5)
