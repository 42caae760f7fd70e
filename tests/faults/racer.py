"""One of several processes that all want the same run: told on a line of its input what to try, and when.

Started with the word "unlocked", it takes no lock: whoever watches the race must notice.
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
    print(json.dumps("ready"), flush=True)  # noqa: T201 - to whoever gives the orders
    for line in sys.stdin:
        order = json.loads(line)
        if order["what"] == "let go":
            held.close()
            held = None
            answer = "let go"
        else:
            while monotonic() < order["at"]:  # all of them start at one moment
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
