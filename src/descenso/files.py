"""Open files that others may have written: regular ones only, and none that a link leads to out of its folder."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from descenso.errors import DataError
from descenso.text import _


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
