"""Run snippets of docs/export.md in folders of exported models, in a process that imports only what they import.

    python reader.py SNIPPETS.json FOLDER...

Saves the probabilities of each snippet as `seen-<format>.npy` in the folder, and prints which of TensorFlow and
descenso were imported.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np


def main(file: str, *folders: str) -> None:
    snippets = json.loads(Path(file).read_text(encoding="utf-8"))
    sys.path[0] = ""  # `import model` looks in the working directory
    for folder in folders:
        os.chdir(folder)
        sys.modules.pop("model", None)
        importlib.invalidate_caches()
        for to, code in snippets.items():
            if to == "npz" and folder != folders[0]:  # the snippet is for softmax, the first folder
                continue
            scope: dict[str, object] = {}
            exec(compile(code, f"docs/export.md, {to}", "exec"), scope)  # noqa: S102 - our own docs
            np.save(f"seen-{to}.npy", scope["probabilities"])
    print(json.dumps([name for name in ("tensorflow", "descenso") if name in sys.modules]))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
