"""Store checkpoints, one folder each, and read only those whose SHA-256 matches.

    checkpoints/<epoch>-<step>/  state.safetensors  manifest.json

A checkpoint is written to a temporary folder, synced, and renamed. The manifest holds the size and the SHA-256 of the
state, and its own SHA-256. `newest` reads the checkpoints from the newest to the oldest and returns the first that
verifies. A checkpoint that cannot be read is never treated as absent.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from descenso.errors import CheckpointError, DataError, DiskError
from descenso.files import (
    disk_errors,
    inside,
    make_folder,
    open_regular,
    remove_folder,
    sweep,
    sync_folder,
    write_folder,
)
from descenso.text import _, reason_of

SCHEMA = 2  # 1 has no learning rate among the arrays: it is the one in its config
READABLE = (1, SCHEMA)
KEPT = 2  # verified checkpoints: the newest, and one to fall back on
STATE, MANIFEST = "state.safetensors", "manifest.json"
MOST_BYTES = {STATE: 2**31, MANIFEST: 2**20}
MALFORMED = (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError)


class Position(NamedTuple):
    """Position of a training run between two steps.

    Attributes:
        epoch: number of complete epochs.
        step: number of steps done of the next epoch.
    """

    epoch: int
    step: int


class Checkpoint(NamedTuple):
    """State of a training run, complete for a bit-exact resume.

    Attributes:
        position: position in the run.
        arrays: every tensor by its stable name.
        about: the manifest's fields: config, data, versions, threads, history_bytes, seconds.
    """

    position: Position
    arrays: dict[str, NDArray[np.generic]]
    about: dict[str, Any]


def prepare(folder: Path) -> None:
    """Make the folder of checkpoints, and remove the temporary files that a crash left in it."""
    make_folder(folder)
    sweep(folder)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, then remove all that are older than the newest `KEPT` that verify.

    Raises:
        DiskError: if it cannot be written, and the older ones are unchanged; or if an older one cannot be removed.
    """
    path = folder / _name(checkpoint.position)
    if path in _candidates(folder):  # a resumed run may be saved again at the position it started from
        if _holds(path, checkpoint.about):
            with disk_errors(folder):
                sync_folder(folder)  # the process that wrote it may have been killed before this
            return path
        remove_folder(path)
    state = save(
        {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    )  # safetensors ignores strides
    about = {
        "schema": SCHEMA,
        **checkpoint.position._asdict(),
        **checkpoint.about,
        "files": {STATE: {"bytes": len(state), "sha256": hashlib.sha256(state).hexdigest()}},
    }
    write_folder(path, {STATE: state, MANIFEST: _sealed(about)})
    _rotate(folder, path)
    return path


def _rotate(folder: Path, written: Path) -> None:
    """Remove the checkpoints older than the newest `KEPT` that verify; `written` is known to verify.

    One that does not verify is not counted, and stays until then: it may become readable again.
    """
    verified = 0
    for path in _candidates(folder):
        if verified == KEPT:
            remove_folder(path)
        elif path == written or _verifies(path):
            verified += 1


def _holds(path: Path, about: Mapping[str, Any]) -> bool:
    """Whether the checkpoint in `path` verifies, and is about the same: a forced resume changes settings."""
    try:
        return bool(read_checkpoint(path).about.items() >= json.loads(json.dumps(about)).items())
    except CheckpointError:
        return False


def _verifies(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except CheckpointError:
        return False
    return True


def is_empty(folder: Path) -> bool:
    """Whether no folder in `folder` has a checkpoint's name."""
    return not _candidates(folder)


def drop_newer(folder: Path, position: Position) -> None:
    """Remove the checkpoints after `position`: damaged ones, which the resumed run will write again."""
    newer = [path for path in _candidates(folder) if _claimed(path) > position]
    for path in newer:
        remove_folder(path)
    if newer:  # one that reappears after a power cut would need history that is cut next
        with disk_errors(folder):
            sync_folder(folder)


def newest(folder: Path, before: Position | None = None) -> tuple[Checkpoint, list[str]]:
    """Return the newest checkpoint that verifies, and a warning for each newer one that does not.

    Args:
        folder: of the checkpoints.
        before: the position before which it is to be; None for any.

    Raises:
        CheckpointError: if there is none, or none verifies.
    """
    warnings: list[str] = []
    for path in _candidates(folder):
        if before is not None and _claimed(path) >= before:
            continue
        try:
            return read_checkpoint(path), warnings
        except CheckpointError as error:
            warnings.append(str(error))
    reasons = "; ".join(warnings) or _("there is none")
    raise CheckpointError(
        _("{folder}: no valid checkpoint ({reasons}); train again with the run's config.json").format(
            folder=folder, reasons=reasons
        )
    )


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint in `path`, after verifying its sizes and SHA-256.

    Raises:
        CheckpointError: if it cannot be read or is damaged; names the file.
    """
    about = _unsealed(_read(path, MANIFEST))
    if about is None:
        raise CheckpointError(_("{path}: damaged").format(path=path / MANIFEST))
    if about.get("schema") not in READABLE:
        raise CheckpointError(
            _("{path}: its schema is {found}, this version of descenso reads schema {known}").format(
                path=path / MANIFEST, found=about.get("schema"), known=SCHEMA
            )
        )
    try:
        return _verified(path, about)
    except MALFORMED as error:  # its SHA-256 matches, but descenso did not write it
        raise CheckpointError(_("{path}: damaged ({reason})").format(path=path, reason=repr(error))) from None


def _verified(path: Path, about: dict[str, Any]) -> Checkpoint:
    state, expected = _read(path, STATE), about["files"][STATE]
    if len(state) != expected["bytes"] or hashlib.sha256(state).hexdigest() != expected["sha256"]:
        raise CheckpointError(_("{path}: damaged").format(path=path / STATE))
    position = Position(about["epoch"], about["step"])
    if path.name != _name(position):
        raise CheckpointError(_("{path}: it holds another position, {position}").format(path=path, position=position))
    return Checkpoint(position, load(state), about)


NAME = re.compile("[0-9]{8,}-[0-9]{10,}")


def _name(position: Position) -> str:
    """Return the name of a checkpoint's folder; names sort in the order of positions."""
    return f"{position.epoch:08}-{position.step:010}"


def _claimed(path: Path) -> Position:
    """Return the position that the name of `path` states."""
    epoch, step = path.name.split("-")
    return Position(int(epoch), int(step))


def _candidates(folder: Path) -> list[Path]:
    """List the folders with a checkpoint's name, newest first; other names are ignored."""
    try:
        return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), key=_claimed, reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DiskError(_("{path}: cannot be read ({reason})").format(path=folder, reason=reason_of(error))) from error


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        with open_regular(inside(folder.parent, folder.name, name), MOST_BYTES[name]) as file:
            return file.read()
    except DataError as error:  # a link
        raise CheckpointError(str(error)) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            _("{path}: cannot be read ({reason})").format(path=path, reason=reason_of(error))
        ) from error


def _sealed(about: Mapping[str, Any]) -> bytes:
    """Serialise a manifest with its own SHA-256; equal manifests give equal bytes."""
    body = json.dumps(about, sort_keys=True, ensure_ascii=True)
    seal = hashlib.sha256(body.encode()).hexdigest()
    return f'{{"manifest": {body}, "sha256": "{seal}"}}\n'.encode()


def _unsealed(content: bytes) -> dict[str, Any] | None:
    """Return the manifest that `_sealed` wrote, or None for any other bytes."""
    try:
        about = json.loads(content)["manifest"]
        return dict(about) if _sealed(about) == content else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
