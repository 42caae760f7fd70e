"""Read files that others may have written: regular ones, none behind a link out of its folder, and settings."""

import errno
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from descenso.config import BEFORE, TrainConfig, complaint
from descenso.errors import ConfigError, DataError
from descenso.text import _, reason_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 2**14  # of a file of settings
MOST_DOTS = 2**10  # in TOML, where reading a name takes memory with the square of its dots


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
