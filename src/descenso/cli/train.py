"""`descenso train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.display import Display
from descenso.cli.ending import tell
from descenso.cli.options import DataDirOption, Json, LimitOption, TensorBoardOption, with_settings
from descenso.cli.quiet import quiet
from descenso.config import TrainConfig
from descenso.settings_files import read_settings
from descenso.text import _


@with_settings()
def train(
    config: Annotated[
        Path | None,
        typer.Option(help=_("Settings from a TOML file, or from a run's config.json; flags override them.")),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=_("The run directory itself; by default a new one in runs/."))
    ] = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train by gradient descent, and keep the run in a directory of its own."""
    given = {name: value for name, value in settings.items() if value is not None}
    given = {**(read_settings(config) if config else {}), **given}
    TrainConfig.of(**given)  # before TensorFlow is waited for
    with quiet():
        from descenso.api import train as api
        from descenso.data.limits import Sources

        sources = Sources.of(limit, data_dir)
        with Display(to_stderr=as_json) as display:
            heard: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard}
            run = api.train(out=out, sources=sources, **heard, **given)
    tell(run, as_json)
