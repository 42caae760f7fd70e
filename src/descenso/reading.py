"""Reading what others may have written: regular files only, and settings from TOML or a run's `config.json`."""

import errno
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from descenso.config import TrainConfig, complaint
from descenso.errors import ConfigError
from descenso.text import _

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 2**14  # of a file of settings
MOST_DOTS = 2**10  # in TOML, where reading a name takes memory with the square of its dots


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, or in a run's `config.json`; flags' names, with - or _.

    Raises:
        ConfigError: for a file that cannot be read, or that is neither.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            text = file.read().decode("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            _("the settings {path} cannot be read ({reason}); try --config FILE.toml").format(path=path, reason=error)
        ) from None
    try:
        if path.suffix == ".json":
            return dict(TrainConfig.model_validate_json(text))
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


def open_regular(path: Path, most: int) -> BinaryIO:
    """The regular file `path`, open to be read: neither a pipe nor a device, which may have no end.

    Raises:
        OSError: where it cannot be read, or is something else.
        ValueError: where it has more than `most` bytes.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):  # of a folder, the system says it better
        raise OSError(errno.EINVAL, _("not a regular file"))
    if found.st_size > most:
        raise ValueError(_("more than {most} bytes").format(most=most))
    return path.open("rb")
