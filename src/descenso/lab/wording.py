"""Settings of the lab as settings of a training run, as a command, and as lines of Python."""

import shlex
from typing import Any

from descenso.config import TrainConfig, flag, having
from descenso.data.catalog import NAMES
from descenso.data.dataset import Dataset
from descenso.errors import ConfigError
from descenso.lab.protocol import Settings, Source
from descenso.registry import defaults
from descenso.text import _

VALIDATION, FEWEST = 0.1, 100  # share of the training rows to validate on; with fewer rows, none are
CHECKPOINT_EVERY = "5s"  # how far an undo goes back, at most
ORDINARY = ("rate-too-high", "naive-log", "")  # faults of settings alone, which a command can repeat


def arguments(settings: Settings, source: Source, data: Dataset) -> dict[str, Any]:
    """Return the settings of `descenso.train`, data among them.

    Raises:
        ConfigError: for data that is neither that of the command line nor a named dataset, and for invalid settings.
    """
    if settings.data != source.data and settings.data not in NAMES:
        message = _("data must be {expected}, got {data!r}; give other data to descenso lab when it starts")
        expected = ", ".join(dict.fromkeys([source.data or NAMES[0], *NAMES]))
        raise ConfigError(message.format(expected=expected, data=settings.data))
    given = {name: value for name, value in settings._asdict().items() if name != "fault"}
    given |= dict(source.reading) if settings.data == source.data else {}
    given["validation_size"] = VALIDATION if len(data.train.labels) >= FEWEST else 0
    given["checkpoint_every"] = CHECKPOINT_EVERY
    TrainConfig.of(**given)
    return given


def command(given: dict[str, Any], verb: str = "train") -> str:
    """Return the `descenso train …`, or of another command, of these settings, without those that are the model's
    defaults.
    """
    flags = [f"{flag(name)} {shlex.quote(_text(value))}" for name, value in _telling(given).items()]
    return " ".join(["descenso", verb, *flags])


def python(given: dict[str, Any]) -> str:
    """Return the lines of Python of these settings."""
    telling = _telling(given)
    settings = [repr(given["data"]), *(f"{name}={value!r}" for name, value in telling.items() if name != "data")]
    return f"import descenso as ds\n\nrun = ds.train({', '.join(settings)})\nprint(run.evaluate())"


def _telling(given: dict[str, Any]) -> dict[str, Any]:
    usual = {name: field.default for name, field in TrainConfig.model_fields.items()} | defaults(given["model"])
    if given["data"] not in NAMES:  # the rows choose the model if none is named
        del usual["model"]
    idle = ("checkpoint_every",)
    return {name: value for name, value in given.items() if value != usual.get(name) and name not in idle}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def like(source: Source, config: TrainConfig) -> Source:
    """Return the source of a run that was opened, with the data of its settings."""
    reading = {name: getattr(config, name) for name in having("reads data") if getattr(config, name)}
    return source._replace(data=config.data, reading=tuple(reading.items()))


def run_of(config: TrainConfig) -> Settings:
    """Return the settings of a run that was opened."""
    batch = config.batch_size if isinstance(config.batch_size, int) else 1
    kept = {name: getattr(config, name) for name in Settings._fields if name not in ("fault", "batch_size")}
    return Settings(**kept, batch_size=batch)
