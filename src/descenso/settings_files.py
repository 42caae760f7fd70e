"""Read settings from a TOML file or from the `config.json` of a run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from descenso.config import TrainConfig, complaint
from descenso.errors import ConfigError
from descenso.files import open_regular
from descenso.text import _

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 2**14  # of a file of settings
MOST_DOTS = 2**10  # in TOML, where reading a name takes memory with the square of its dots


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
