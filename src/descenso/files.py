"""Read files that others may have written: regular ones, none behind a link out of its folder, and settings; and write,
replace and remove files and folders atomically, as all files of a run are.
"""

import contextlib
import errno
import glob
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from descenso.config import BEFORE, TrainConfig, complaint
from descenso.errors import ConfigError, DataError, DiskError
from descenso.text import _, mark, reason_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 2**14  # of a file of settings
MOST_DOTS = 2**10  # in TOML, where reading a name takes memory with the square of its dots
FULL = mark("{path}: the disk is full, {size} bytes are needed; free some space, or use another disk")
TEMPORARY = ".tmp"  # suffix of temporary names, which a crash may leave behind and `sweep` removes


def open_regular(path: Path, most: int | None = None) -> BinaryIO:
    """Open the regular file `path` to read it; refuse a pipe or a device, which may have no end.

    Args:
        path: the file.
        most: the largest size to accept, in bytes.

    Raises:
        OSError: if it cannot be read or is not a regular file.
        ValueError: if it is larger than `most`.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # for a folder, the system says it better
        raise OSError(errno.EINVAL, _("not a regular file"))
    if most is not None and status.st_size > most:
        raise ValueError(_("more than {most} bytes").format(most=most))
    return path.open("rb")


def inside(folder: Path, *names: str) -> Path:
    """Return the path `names` below `folder`; refuse it where a link leads out of `folder`.

    Raises:
        DataError: naming the path.
    """
    path = folder.joinpath(*names)
    may_leave = ".." in names or any(part.is_symlink() for part in (path, *path.parents[: len(names) - 1]))
    if may_leave and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise DataError(_("{path}: a link out of the folder; copy the file into it").format(path=path))
    return path


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings in `path`: TOML whose keys are the flags' names, with - or _, or the `config.json` of a run.

    Raises:
        ConfigError: if the file cannot be read or is neither.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            text = file.read().decode("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            _("the settings {path} cannot be read ({reason}); try --config FILE.toml").format(
                path=path, reason=reason_of(error)
            )
        ) from None
    try:
        if path.suffix == ".json":
            return dict(TrainConfig.model_validate_json(text, context=BEFORE))
        if text.count(".") > MOST_DOTS:
            raise ValueError(_("more than {most} dots").format(most=MOST_DOTS))
        table: Mapping[str, Any] = tomllib.loads(text)
    except ValidationError as error:
        raise ConfigError(f"{path}: {complaint(error)}") from None
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond Python's own limits, too
        raise ConfigError(_("{path} is not TOML: {reason}").format(path=path, reason=error)) from None
    except MemoryError:
        raise ConfigError(_("{path}: it holds more than there is memory for").format(path=path)) from None
    settings = {name.replace("-", "_"): value for name, value in table.items()}
    if len(settings) < len(table):
        raise ConfigError(_("{path}: a setting is given twice, once with - and once with _").format(path=path))
    return settings


@contextlib.contextmanager
def disk_errors(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn an `OSError` into a `DiskError` that names `path` and the `size` in bytes that was needed."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and size is not None:
            message = _(FULL)
        elif error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = _("{path}: the disk is full; free some space, or use another disk")
        else:
            message = _("{path}: cannot be written ({reason}); use a directory of yours")
        raise DiskError(message.format(path=path, reason=reason_of(error), size=size)) from error


def check_free_space(folder: Path, size: int) -> None:
    """Check that the disk of `folder` has `size` bytes free.

    Raises:
        DiskError: where it has fewer.
    """
    with disk_errors(folder):
        free = shutil.disk_usage(folder).free
    if size > free:
        raise DiskError(_(FULL).format(path=folder, size=size))


def make_folder(path: Path) -> None:
    """Make the folder `path` and its missing parents, and sync them to disk.

    Raises:
        DiskError: if it cannot be made; some of its parents may be.
    """
    with disk_errors(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)


def write_file(path: Path, content: bytes) -> None:
    """Replace the file `path` atomically: a reader sees the old content or the new, also after a power cut.

    Raises:
        DiskError: if it cannot be written; the old file is unchanged, unless only the last sync failed.
    """
    temporary = temporary_beside(path)
    with disk_errors(path, len(content)):
        try:
            _write_synced(temporary, content)
            temporary.replace(path)
        except BaseException:  # Ctrl-C too: no temporary file is left
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write the folder `path` atomically, with files by their paths in it; `path` must not exist.

    Raises:
        DiskError: if it cannot be written; nothing of it is left, unless only the last sync failed.
    """
    temporary = temporary_beside(path)
    with disk_errors(path, sum(map(len, contents.values()))):
        try:
            folders = sorted({temporary, *(temporary / parent for name in contents for parent in Path(name).parents)})
            for folder in folders:  # parents first
                folder.mkdir()
            for name, content in contents.items():
                _write_synced(temporary / name, content)
            for folder in folders:
                sync_folder(folder)
            temporary.rename(path)
        except BaseException:  # Ctrl-C too: no temporary folder is left
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove the folder `path`, renamed first: a reader finds all of it, or nothing under its name."""
    renamed = temporary_beside(path)
    with disk_errors(path):
        path.rename(renamed)
        _remove(renamed)


def sweep(folder: Path, name: str = "") -> None:
    """Remove the temporary files and folders that a crash left in `folder`; with `name`, those of that one alone."""
    for path in folder.glob(f".{glob.escape(name)}*{TEMPORARY}"):
        with disk_errors(path):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def temporary_beside(path: Path) -> Path:
    """Return the path of a temporary file beside `path`, of this process; `sweep` removes those that a crash leaves."""
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in `folder` to disk; syncing a file syncs its content only."""
    if os.name != "posix":  # on other systems a folder cannot be opened for a sync
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
