"""A command of `descenso` in this process: TensorFlow has started here already."""

from importlib import import_module
from typing import Any

import typer
from typer.testing import CliRunner


def run(name: str, *arguments: Any) -> Any:
    """`descenso NAME ARGUMENTS` as typed, by the command's own parser."""
    app = typer.Typer()
    app.command(name)(getattr(import_module(f"descenso.cli.{name}"), name))
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
