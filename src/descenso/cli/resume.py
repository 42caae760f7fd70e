"""`descenso resume`."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.display import Display
from descenso.cli.ending import tell
from descenso.cli.options import DataDirOption, Json, LimitOption, ModelOption, RunArgument, TensorBoardOption, say
from descenso.cli.quiet import quiet
from descenso.errors import DescensoError
from descenso.text import _


def resume(
    run: RunArgument,
    epochs: Annotated[int | None, typer.Option("--epochs", "-e", help=_("Extend it to so many epochs in all."))] = None,
    engine: Annotated[str | None, typer.Option(help=_("Go on with another engine."))] = None,
    checkpoint_every: Annotated[
        str | None, typer.Option(help=_("Save a checkpoint after so many steps (500), or seconds (10s)."))
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help=_("Go on although config, data or versions changed: no longer exact."))
    ] = False,
    patience: Annotated[int | None, typer.Option(help=_("Stop after so many epochs without a better one."))] = None,
    model: ModelOption = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
) -> None:
    """Go on with a run from its newest checkpoint, to the same bits as if it had never stopped."""
    asked: dict[str, Any] = {"epochs": epochs, "engine": engine, "patience": patience,
                             "checkpoint_every": checkpoint_every}  # fmt: skip
    given = {name: value for name, value in asked.items() if value is not None}
    with quiet():
        from descenso.api import train as api
        from descenso.data.limits import Sources

        done = not given and _is_complete(run)
        with Display(to_stderr=as_json) as display:
            heard: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard, "warn": display.warn}
            sources = Sources.of(limit, data_dir)
            ended = api.resume(run, sources=sources, model=model, force=force, **heard, **given)
    if done:
        told = _("The run was complete already; to make it longer: descenso resume {path} --epochs {epochs}")
        say(told.format(path=run, epochs=2 * ended.config.epochs), err=True)
    tell(ended, as_json)


def _is_complete(run: Path) -> bool:
    from descenso.runs.directory import open_directory

    with suppress(DescensoError):  # what cannot be read is told of by whoever goes on
        return open_directory(run).outcome == "completed"
    return False
