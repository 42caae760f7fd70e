"""A command of `descenso` in this process: TensorFlow has started here already."""

from typing import Any

import typer
from typer.testing import CliRunner

from descenso.cli.app import Command, find_command


def run(name: str, *arguments: Any) -> Any:
    """`descenso NAME ARGUMENTS` as typed, by the command's own parser."""
    app = typer.Typer()
    app.command(name, cls=Command)(find_command(name))
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
