"""Run commands of `descenso` in this process, where TensorFlow has started already."""

import functools
import shlex
from typing import Any

import typer
from typer.testing import CliRunner

from descenso.cli.app import Command, find_command


def run(name: str, *arguments: Any) -> Any:
    """Run `descenso NAME ARGUMENTS` with the command's own parser."""
    app = typer.Typer()
    app.command(name, cls=Command)(find_command(name))
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)


def words_of(line: str) -> list[str]:
    """Return the words of a shell command without its comment."""
    return shlex.split(line, comments=True)


def parsed(words: list[str]) -> tuple[dict[str, Any] | None, str]:
    """Return the arguments that `descenso COMMAND …` passes to its function, without calling it, and the output.

    The arguments are None if the words are refused.
    """
    command, passed = find_command(words[1]), dict[str, Any]()
    app = typer.Typer()
    app.command()(functools.wraps(command)(lambda **named: passed.update(named)))
    ended = CliRunner().invoke(app, words[2:])
    return (passed, ended.output) if ended.exit_code == 0 else (None, ended.output)
