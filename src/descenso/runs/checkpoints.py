"""The checkpoint store: one folder a checkpoint, believed only when every byte of it is what was written.

    checkpoints/<epoch>-<step>/  state.safetensors  manifest.json

A checkpoint appears by one rename, after all of it has reached the disk. The manifest holds the size and the
SHA-256 of the state, and its own; discovery reads all there are, newest first, and takes the first that verifies.
What cannot be read is never taken for absent.
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
from descenso.files import inside, open_regular
from descenso.runs.files import disk_errors, make_folder, remove_folder, sweep, sync_folder, write_folder
from descenso.text import _

SCHEMA = 1
KEPT = 2  # verified checkpoints that stay: the newest, and one to fall back on
STATE, MANIFEST = "state.safetensors", "manifest.json"
MOST_BYTES = {STATE: 2**31, MANIFEST: 2**20}
MALFORMED = (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError)


class Position(NamedTuple):
    """Where a descent stands between two steps.

    Attributes:
        epoch: whole epochs walked.
        step: steps walked of the epoch that follows.
    """

    epoch: int
    step: int


class Checkpoint(NamedTuple):
    """Attributes: all that a descent needs to go on to the same bits.

    position: where it stands.
    arrays: every tensor by its stable name.
    about: what the run was like when it was written: config, data, versions, threads, history_bytes, seconds.
    """

    position: Position
    arrays: dict[str, NDArray[np.generic]]
    about: dict[str, Any]


def prepare(folder: Path) -> None:
    """Make the store, and remove what a crash left half written in it."""
    make_folder(folder)
    sweep(folder)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Add a checkpoint to the store; once it is on the disk, remove what is older than the newest `KEPT` that verify.

    Raises:
        DiskError: and as many older checkpoints stand, or the new one does and an old one could not be removed.
    """
    path = folder / _name(checkpoint.position)
    if path in _candidates(folder):  # a descent that goes on may be asked to keep the very position it began from
        if _verifies(path):
            with disk_errors(folder):
                sync_folder(folder)  # whoever wrote it may have been killed just before this
            return path
        remove_folder(path)
    state = save({name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()})  # knows no strides
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
    """Remove what is older than `KEPT` checkpoints that verify, of which `written` is one.

    One that does not verify counts for nothing, but stays until then: it may be readable again.
    """
    verified = 0
    for path in _candidates(folder):
        if verified == KEPT:
            remove_folder(path)
        else:
            verified += path == written or _verifies(path)


def _verifies(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except CheckpointError:
        return False
    return True


def is_empty(folder: Path) -> bool:
    """Whether nothing in the store so much as claims to be a checkpoint."""
    return not _candidates(folder)


def drop_newer(folder: Path, position: Position) -> None:
    """Remove the checkpoints beyond `position`: damaged ones that were passed over, and are about to be made again."""
    newer = [path for path in _candidates(folder) if _claimed(path) > position]
    for path in newer:
        remove_folder(path)
    if newer:  # one that comes back after a power cut would count on a history that was cut meanwhile
        with disk_errors(folder):
            sync_folder(folder)


def newest(folder: Path) -> tuple[Checkpoint, list[str]]:
    """The newest checkpoint that verifies, and a warning for each newer one that does not.

    Raises:
        CheckpointError: where there is none, or none that verifies.
    """
    warnings: list[str] = []
    for path in _candidates(folder):
        try:
            return read_checkpoint(path), warnings
        except CheckpointError as error:
            warnings.append(str(error))
    told = "; ".join(warnings) or _("there is none")
    raise CheckpointError(
        _("{folder}: no valid checkpoint ({reasons}); train again with the run's config.json").format(
            folder=folder, reasons=told
        )
    )


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in `path`, once every byte of it is known to be what was written.

    Raises:
        CheckpointError: naming what is not.
    """
    about = _unsealed(_read(path, MANIFEST))
    if about is None:
        raise CheckpointError(_("{path}: damaged").format(path=path / MANIFEST))
    if about.get("schema") != SCHEMA:
        raise CheckpointError(
            _("{path}: written in form {found}, this descenso reads form {known}").format(
                path=path / MANIFEST, found=about.get("schema"), known=SCHEMA
            )
        )
    try:
        return _understood(path, about)
    except MALFORMED as error:  # sealed, but not by descenso
        raise CheckpointError(_("{path}: damaged ({reason})").format(path=path, reason=repr(error))) from None


def _understood(path: Path, about: dict[str, Any]) -> Checkpoint:
    state, promised = _read(path, STATE), about["files"][STATE]
    if len(state) != promised["bytes"] or hashlib.sha256(state).hexdigest() != promised["sha256"]:
        raise CheckpointError(_("{path}: damaged").format(path=path / STATE))
    position = Position(about["epoch"], about["step"])
    if path.name != _name(position):
        raise CheckpointError(_("{path}: it holds another position, {position}").format(path=path, position=position))
    return Checkpoint(position, load(state), about)


NAME = re.compile("[0-9]{8,}-[0-9]{10,}")


def _name(position: Position) -> str:
    """Names sort as positions do, for people who look."""
    return f"{position.epoch:08}-{position.step:010}"


def _claimed(path: Path) -> Position:
    """The position in the name of `path`."""
    epoch, step = path.name.split("-")
    return Position(int(epoch), int(step))


def _candidates(folder: Path) -> list[Path]:
    """All that claim to be checkpoints, newest first; what has another name is not ours, and left alone."""
    try:
        return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), key=_claimed, reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DiskError(_("{path}: cannot be read ({reason})").format(path=folder, reason=error.strerror)) from error


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        with open_regular(inside(folder.parent, folder.name, name), MOST_BYTES[name]) as file:
            return file.read()
    except DataError as error:  # a link
        raise CheckpointError(str(error)) from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise CheckpointError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason)) from error


def _sealed(about: Mapping[str, Any]) -> bytes:
    """A manifest's one form in bytes, with its own SHA-256."""
    body = json.dumps(about, sort_keys=True, ensure_ascii=True)
    seal = hashlib.sha256(body.encode()).hexdigest()
    return f'{{"manifest": {body}, "sha256": "{seal}"}}\n'.encode()


def _unsealed(content: bytes) -> dict[str, Any] | None:
    """What `_sealed` was given, or None for any other bytes."""
    try:
        about = json.loads(content)["manifest"]
        return dict(about) if _sealed(about) == content else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
