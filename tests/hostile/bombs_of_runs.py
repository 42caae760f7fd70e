"""Bombs in the files of a run from someone else."""

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from descenso.runs.checkpoints import MANIFEST, STATE, newest
from descenso.runs.directory import open_directory, reopen
from formats import ARRAYS, CHECKPOINT, WEIGHTS, make_checkpoint, make_run, put_sealed
from powder import OUT, Bomb, draw, instead, link, listed, sparse

Put = Callable[[Path], Any] | bytes


def of_run(name: str, read: Callable[[Path], Any], put: Put, told: str, refused: str = "DataError") -> Bomb:
    """Return a bomb in one of the files of a run."""
    return Bomb(instead(make_run, f"run/{name}", put), lambda folder: read(folder / "run"), told, refused)


def status(put: Put, reason: str) -> Bomb:
    told = OUT if reason == OUT else rf".*status\.json: cannot be read \({reason}\)"
    return of_run("status.json", lambda run: open_directory(run).status, put, told)


def history(put: Put, reason: str = ".*") -> Bomb:
    return of_run(
        "history.jsonl", draw, put, OUT if reason == OUT else rf".*history\.jsonl: damaged history \({reason}\)"
    )


def weights(put: Put, reason: str = ".+") -> Bomb:
    told = OUT if reason == OUT else rf".*weights\.safetensors: damaged weights \({reason}\)"
    return of_run(WEIGHTS, lambda run: open_directory(run).weights(), put, told)


def checkpoint(name: str, put: Put, told: str) -> Bomb:
    """Return a bomb in the only checkpoint of a store."""
    make = instead(make_checkpoint, f"{CHECKPOINT}/{name}", put)
    return Bomb(make, newest, rf".*: no valid checkpoint \(.*{told}\); train again with .*", "CheckpointError")


def sealed(told: str, state: bytes | None = None, **otherwise: Any) -> Bomb:
    """Return a bomb in a state or manifest whose seal and checksums are right."""

    def put(path: Path) -> None:
        put_sealed(path, save(ARRAYS) if state is None else state, **otherwise)

    return checkpoint(STATE, put, told)


def header(text: bytes, data: bytes = b"", size: int | None = None) -> bytes:
    """Return a safetensors file assembled by hand."""
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(dtype: str, shape: list[int], offsets: list[int], data: bytes = b"", name: str = "W") -> bytes:
    return header(json.dumps({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode(), data)


def shared(folder: Path) -> None:
    """Write a run that claims to be running, whose lock is a link to a file of the user."""
    instead(make_run, "run/status.json", b'{"outcome": "running"}')(folder)
    (folder / "precious").write_text("years")
    (folder / "run" / ".lock").unlink(missing_ok=True)
    (folder / "run" / ".lock").symlink_to("../precious")


GIGABYTES = tensor("F32", [2**29 - 2**10], [0, 2**31 - 2**12])
LINE = b'{"epoch": 0, "cost": %b, "seconds": 1}\n'
NO_FILE = r"not a regular file"
DAMAGED = rf"{MANIFEST}: damaged"

RUN_BOMBS = {
    "status, arrays in arrays": status(b"[" * 10**6, r"maximum recursion depth.*|.*recursion.*"),
    "status, an accuracy of 100,000 digits": status(
        b'{"outcome": "completed", "test_accuracy": ' + b"1" * 10**5 + b"}", r"Exceeds the limit .*"
    ),
    "status, an infinite time": status(b'{"outcome": "completed", "seconds": 1e999}', r"1e999 is not finite"),
    "status, an outcome that colours": status(rb'{"outcome": "\u001b[31m"}', r"outcome: '\\x1b\[31m'"),
    "status, two megabytes": status(b" " * 2**21, r"more than 1048576 bytes"),
    "status, a terabyte without room": status(sparse(2**40), r"more than 1048576 bytes"),
    "status, a pickle": status(pickle.dumps(os.getcwd), r".*"),
    "status, a link out": status(link("/etc/passwd"), OUT),
    "no run in a pipe": of_run(
        "status.json", open_directory, os.mkfifo, r".*: there is no run; `descenso runs` lists those there are"
    ),
    "no run in zeros without end": of_run(
        "status.json", open_directory, link("/dev/zero"), r".*: there is no run; `descenso runs` lists those there are"
    ),
    "settings of a run that lead out": of_run(
        "config.json", lambda run: open_directory(run).config, link("/etc/passwd"), OUT
    ),
    "a pipe among runs": of_run(
        "status.json", lambda run: listed(run.parent), os.mkfifo, rf".*status\.json: cannot be read \({NO_FILE}\)"
    ),
    "a lock that is somebody's file": Bomb(
        shared,
        lambda folder: reopen(folder / "run"),
        r".*/run: cannot be written \(.+\); .*",
        "DiskError",
    ),
    "history, arrays in arrays": history(b"[" * 4000 + b"\n"),
    "history, a line of 30 megabytes": history(b"[" * 30_000_000 + b"\n", r"more than 4096 bytes"),
    "history, a cost of 4,000 digits": history(LINE % (b"9" * 4000)),
    "history, an infinite cost": history(LINE % b"1e999", r"inf is not finite"),
    "history, no number for a cost": history(LINE % b"NaN", r".*nan is not finite"),
    "history, an infinite epoch": history(LINE.replace(b"0", b"1e999") % b"1"),
    "history, a terabyte without room": history(sparse(2**40), r"more than 134217728 bytes"),
    "history, a pipe": history(os.mkfifo, NO_FILE),
    "history, zeros without end": history(link("/dev/zero"), OUT),
    "history, bytes of no text": history(LINE % b'"\xff"'),
    "weights, a header of 2**63 bytes": weights(header(b"{}", size=2**63), r"more than 1048576 bytes"),
    "weights, a header of a gigabyte without room": weights(
        sparse(2**30 + 8, struct.pack("<Q", 2**30)), r"more than 1048576 bytes"
    ),
    "weights, arrays in arrays": weights(header(b"[" * 10**6)),
    "weights, objects in objects": weights(header(b'{"a":' * 10**5)),
    "weights, a size that comes to 0": weights(tensor("F32", [2**32, 2**32], [0, 0])),
    "weights, nothing of absurd size": weights(tensor("F64", [0, 2**62, 4], [0, 0])),
    "weights, elements from elsewhere": weights(tensor("U8", [4], [2**40, 2**40 + 4], bytes(4))),
    "weights, elements backwards": weights(tensor("U8", [4], [4, 0], bytes(4))),
    "weights, one piece of the file twice": weights(
        header(
            b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
            bytes(4),
        )
    ),
    "weights, of no type": weights(tensor("O", [1], [0, 8], bytes(8))),
    "weights, of a type that NumPy has not": weights(tensor("F8_E5M2", [1], [0, 1], bytes(1))),
    "weights, two gigabytes without room": weights(sparse(2**31 - 2**12 + len(GIGABYTES), GIGABYTES), r".*"),
    "weights, a terabyte without room": weights(sparse(2**40), r"more than 2147483648 bytes"),
    "weights, a pickle": weights(pickle.dumps(os.getcwd)),
    "weights, a zip as PyTorch makes it": weights(b"PK\3\4" + bytes(500)),
    "weights, linked to zeros without end": weights(link("/dev/zero"), OUT),
    "manifest, arrays in arrays": checkpoint(MANIFEST, b"[" * 10**6, DAMAGED),
    "manifest, two megabytes": checkpoint(MANIFEST, b" " * 2**21, r"more than 1048576 bytes\)"),
    "manifest, a pipe": checkpoint(MANIFEST, os.mkfifo, r"not a regular file\)"),
    "manifest, a link out": checkpoint(MANIFEST, link("/etc/passwd"), OUT),
    "manifest, of another position": sealed(r"it holds another position, .*", epoch=2),
    "manifest, of a position that formats": sealed(r"it holds another position, .*", epoch="{0.__class__}"),
    "manifest, of a position of 3,000 digits": sealed(r"it holds another position, .*", step=10**3000),
    "manifest, of a later schema": sealed(r"its schema is .*, this version of descenso reads schema 2", schema=[2]),
    "state, a pipe": checkpoint(STATE, os.mkfifo, r"not a regular file\)"),
    "state, a link out": checkpoint(STATE, link("/dev/zero"), OUT),
    "state, a terabyte without room": checkpoint(STATE, sparse(2**40), r"more than 2147483648 bytes\)"),
    "state, two gigabytes without room": checkpoint(STATE, sparse(2**31, GIGABYTES), r"damaged.*"),
    "state, sealed, with a header of 2**63 bytes": sealed(r"damaged \(.*\)", header(b"{}", size=2**63)),
    "state, sealed, of absurd size": sealed(r"damaged \(.*\)", tensor("F32", [2**62, 2**62], [0, 4], bytes(4))),
    "state, sealed, of no type": sealed(r"damaged \(.*\)", tensor("F8_E4M3", [1], [0, 1], bytes(1))),
    "state, sealed, a pickle": sealed(r"damaged \(.*\)", pickle.dumps(os.getcwd)),
}
