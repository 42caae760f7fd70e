"""`descenso port`."""

import shlex
import textwrap
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from descenso.cli.options import Json, say, say_json
from descenso.text import _
from descenso.tf1.descents import Descent
from descenso.tf1.port import Finding
from descenso.tf1.port import port as read

WIDE = 32  # characters; most calls are shorter


def port(
    file: Annotated[Path, typer.Argument(help=_("Script (.py) or notebook (.ipynb); it is read, not run."))],
    as_json: Json = False,
) -> None:
    """List calls of a TensorFlow 1 script or notebook that are gone, and print the command that trains it."""
    ported = read(file)
    if as_json:
        say_json({"file": str(file), **ported.as_json()})
    else:
        _show_findings(file, ported.findings)
        if ported.descents is None:
            say(_("Its functions call each other too often to be followed; no training was read."))
        for descent in ported.descents or []:
            _show_descent(descent)
    if ported.findings:
        raise typer.Exit(1)


def _show_findings(file: Path, findings: list[Finding]) -> None:
    if not findings:
        say(_("{file}: no calls that are gone from TensorFlow.").format(file=file))
        return
    say(_("{file}: calls that are gone or changed: {count}").format(file=file, count=len(findings)))
    say("")
    for finding in findings:
        instead = f"→ {_(finding.instead)}"
        line = f"{finding.place!s:>7}  {finding.call:<{WIDE}}"
        if len(line) + len(instead) + 2 <= Console().width:
            say(f"{line}  {instead}")
        else:
            say(line.rstrip())
            say(f"{'':>9}{instead}")
    names = ", ".join(dict.fromkeys(finding.lesson for finding in findings))
    say("")
    _say_wrapped(_("`descenso explain NAME` says more: {names}").format(names=names))


def _show_descent(descent: Descent) -> None:
    say("")
    if descent.command:
        say(_("{place}: a training run, as a command of descenso:").format(place=descent.place.text))
        say("")
        for line in _lines(descent.command):
            say(line)
    else:
        say(_("{place}: a gradient, but not of a model that descenso has.").format(place=descent.place.text))
    notes = [_("{name} was not read: {why}").format(name=name.upper(), why=why) for name, why in descent.unread.items()]
    notes += descent.notes
    if notes:
        say("")
    for note in notes:
        _say_wrapped(note, "  ")


def _say_wrapped(text: str, indent: str = "") -> None:
    for line in textwrap.wrap(text, Console().width, initial_indent=indent, subsequent_indent=indent):
        say(line)


def _lines(command: list[str]) -> list[str]:
    """Break `command` between its flags into lines of shell input."""
    words = [shlex.quote(word) for word in command]
    pairs = (f"{flag}\xa0{value}" for flag, value in zip(words[3::2], words[4::2], strict=True))
    lines = textwrap.wrap(" ".join([*words[:3], *pairs]), 72, break_on_hyphens=False, break_long_words=False)
    return [f"    {line}".replace("\xa0", " ") + (" \\" if line is not lines[-1] else "") for line in lines]
