"""Find the data and the user's own code of a run again."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.train import own_of, rows_of
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, data_fingerprint
from descenso.data.sources import Sources
from descenso.errors import DataError
from descenso.registry import OWN, is_own
from descenso.runs.directory import RunDirectory
from descenso.text import _

if TYPE_CHECKING:
    from descenso.descent.problem import Own

# settings by which rows in memory become a dataset
HOW_READ = ("label", "drop", "decimal", "test_fraction", "seed", "input_shape")


def rows_again(directory: RunDirectory, data: Any, function: str, sources: Sources | None = None) -> Dataset:
    """Return the data of a run: the data given again, split as before, or the data that its config names.

    Args:
        directory: of the run.
        data: as `train` takes it: a dataset, a name or a path, a pair of inputs and labels, or a frame; None to read
            what the config names.
        function: the name of the function that is called, for the message.
        sources: see `load`.

    Raises:
        DataError: if the data was in memory, and is not given.
    """
    from descenso.data.memory import call_with_data, dataset_of, was_in_memory

    config = directory.config
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | Path):
        return rows_of(config.model_copy(update={"data": str(data)}), sources)
    if data is not None:
        how = config.model_dump(include={*HOW_READ})
        made = dataset_of(data, None, {**how, "decimal": config.decimal or _decimal_of(directory)})
        if isinstance(made, Dataset):
            return made
        message = _("data must be what train takes, got {kind}; try data=(X, y)")
        raise DataError(message.format(kind=type(data).__name__))
    if was_in_memory(config.data):
        message = _("{run}: its data {name!r} was in memory, where no other process finds it; in Python: {line}")
        if function == "evaluate":
            message = _(
                "{run}: its data {name!r} was in memory, where no other process finds it; in Python: {line}, or with "
                "rows of a file: --data {file}"
            )
        line = call_with_data(function, directory.path, config.data)
        raise DataError(message.format(run=directory.path, name=config.data, line=line, file="rows.npz"))
    return rows_of(config, sources)


def _decimal_of(directory: RunDirectory) -> str:
    """Return the decimal mark of the table that a run was trained on; empty where none is recorded."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((directory.path / "data.json").read_text("utf-8"))["encoding"]["decimal"])
    return ""


def rows_of_the_run(directory: RunDirectory, data: Any) -> Dataset | None:
    """Return rows in memory as the run has split them, if they are those that it was trained on; else None."""
    from descenso.data.memory import was_in_memory

    recorded = directory.status.get("data")
    if recorded is None or not was_in_memory(directory.config.data):
        return None
    try:
        rows = rows_again(directory, data, "evaluate")
    except ValueError:  # not the run's rows: they cannot be split like these
        return None
    return rows if data_fingerprint(rows) == recorded else None


def own_again(config: TrainConfig, changes: dict[str, Any]) -> tuple[dict[str, Any], "Own | None"]:
    """Return the changes of settings, and the user's own code, of which the run of `config` may need some again."""
    needed = [kind for kind in OWN if is_own(kind, getattr(config, kind))]
    again = {kind: changes[kind] for kind in needed if changes.get(kind) is not None}
    rest = {name: value for name, value in changes.items() if name not in needed and value is not None}
    changes, own = own_of(rest)
    if needed:
        from descenso.descent.own import given_again

        own = given_again(config, again, own=own)
    return changes, own
