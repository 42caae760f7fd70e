"""A command of `descenso` in this process: TensorFlow has started here already."""

import functools
import shlex
from typing import Any

import typer
from typer.testing import CliRunner

from descenso.cli.app import Command, find_command


def run(name: str, *arguments: Any) -> Any:
    """`descenso NAME ARGUMENTS` as typed, by the command's own parser."""
    app = typer.Typer()
    app.command(name, cls=Command)(find_command(name))
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)


def words_of(line: str) -> list[str]:
    """The words of a line of shell, without its remark."""
    return shlex.split(line, comments=True)


def parsed(words: list[str]) -> tuple[dict[str, Any] | None, str]:
    """What `descenso COMMAND …` passes to the function of its command, which is not called; None, and what is said."""
    command, passed = find_command(words[1]), dict[str, Any]()
    app = typer.Typer()
    app.command()(functools.wraps(command)(lambda **named: passed.update(named)))
    ended = CliRunner().invoke(app, words[2:])
    return (passed, ended.output) if ended.exit_code == 0 else (None, ended.output)
