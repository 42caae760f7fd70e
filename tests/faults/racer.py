"""One of several processes that try to lock the same run: each line of its input names an action and a time.

Started with the argument "unlocked", it takes no lock: the tests must detect that.
"""

import json
import sys
from pathlib import Path
from time import monotonic

from filelock import FileLock

from descenso.config import TrainConfig
from descenso.runs import directory
from descenso.runs.directory import create, reopen

CONFIG = TrainConfig.of(epochs=3)


def attempt(what, path):
    return create(CONFIG, {"python": "3"}, Path(path)) if what == "create" else reopen(Path(path))


def main():
    held = None
    if "unlocked" in sys.argv:
        directory.locked = lambda path: FileLock(path / ".lock")
    print(json.dumps("ready"), flush=True)  # noqa: T201 - read by the test
    for line in sys.stdin:
        order = json.loads(line)
        if order["what"] == "let go":
            held.close()
            held = None
            answer = "let go"
        else:
            while monotonic() < order["at"]:  # so that all of them start at once
                pass
            started = monotonic()
            try:
                held = attempt(order["what"], order["path"])
                answer = {"won": True}
            except Exception as error:
                code, seconds = getattr(error, "exit_code", None), monotonic() - started
                answer = {"won": False, "code": code, "told": str(error), "seconds": seconds}
        print(json.dumps(answer), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
