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
from descenso.tf1.findings import Finding

WIDE = 32  # characters that most calls have room in


def port(
    file: Annotated[Path, typer.Argument(help=_("A script (.py) or notebook (.ipynb); it is read, and never run."))],
    as_json: Json = False,
) -> None:
    """Find what is gone from a TensorFlow 1 script or notebook, and write the command that runs its descent."""
    from descenso.tf1.port import port as read

    ported = read(file)
    if as_json:
        say_json({"file": str(file), **ported.as_json()})
    else:
        _show(file, ported.findings)
        if ported.descents is None:
            say(_("Its functions call one another too often to be followed; no descent was read."))
        for descent in ported.descents or []:
            _tell(descent)
    if ported.findings:
        raise typer.Exit(1)


def _show(file: Path, findings: list[Finding]) -> None:
    if not findings:
        say(_("{file}: nothing in it is gone from TensorFlow.").format(file=file))
        return
    say(_("{file}: calls that are gone or changed: {count}").format(file=file, count=len(findings)))
    say("")
    for each in findings:
        instead = f"→ {_(each.instead)}"
        line = f"{each.place!s:>7}  {each.call:<{WIDE}}"
        if len(line) + len(instead) + 2 <= Console().width:
            say(f"{line}  {instead}")
        else:
            say(line.rstrip())
            say(f"{'':>9}{instead}")
    names = ", ".join(dict.fromkeys(each.lesson for each in findings))
    say("")
    _say_wrapped(_("`descenso explain NAME` says more: {names}").format(names=names))


def _tell(descent: Descent) -> None:
    say("")
    if descent.command:
        say(_("{place}: a descent that descenso runs, too:").format(place=descent.place.text))
        say("")
        for line in _lines(descent.command):
            say(line)
    else:
        say(_("{place}: a gradient, but of no model that descenso has.").format(place=descent.place.text))
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
    """`command`, broken as a shell reads it, between its flags."""
    words = [shlex.quote(word) for word in command]
    pairs = (f"{flag}\xa0{value}" for flag, value in zip(words[3::2], words[4::2], strict=True))
    lines = textwrap.wrap(" ".join([*words[:3], *pairs]), 72, break_on_hyphens=False, break_long_words=False)
    return [f"    {line}".replace("\xa0", " ") + (" \\" if line is not lines[-1] else "") for line in lines]
