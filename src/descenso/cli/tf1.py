"""`descenso explain` and `descenso port`."""

import shlex
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from descenso.cli.options import Json, cell, say, say_json, say_table
from descenso.text import _, printable
from descenso.tf1.descents import Descent
from descenso.tf1.explain import LESSONS, MOST, Answer, nearest
from descenso.tf1.explain import explain as lessons_on
from descenso.tf1.port import Finding
from descenso.tf1.port import port as read_program

MESSAGE = _("A message of TensorFlow, or a name such as tf.placeholder; - or nothing for standard input.")
INDENT = "  "
WIDE = 32  # characters; most calls are shorter


def explain(
    message: Annotated[str | None, typer.Argument(help=MESSAGE, metavar=_("TEXT"))] = None,
    listed: Annotated[bool, typer.Option("--list", help=_("List all lessons."))] = False,
    as_json: Json = False,
) -> None:
    """Explain a message of TensorFlow: what it means, its cause, and code that works today; reads tracebacks, too."""
    if listed:
        _list(as_json)
        return
    text = _standard_input() if message in (None, "-") else str(message)
    answers = lessons_on(text)
    near = [] if answers else nearest(text)
    if as_json:
        say_json({"lessons": [answer._asdict() for answer in answers], "nearest": near})
    elif answers:
        _show_lessons(answers)
    else:
        say(_("There is no lesson on this message."))
        if near:
            say(_("Nearest: {names}; `descenso explain NAME` shows one").format(names=", ".join(near)))
    if not answers:
        raise typer.Exit(1)


def _standard_input() -> str:
    """Read standard input to its end, so that a pipe is not broken, and keep the last `MOST` bytes."""
    if sys.stdin.isatty():
        say(_("Paste the message, and end it with Ctrl-D."), err=True)
    text, stream = b"", typer.get_binary_stream("stdin")
    while piece := stream.read(MOST):
        text = (text + piece)[-MOST:]
    return text.decode("utf-8", "replace")


def _show_lessons(answers: list[Answer]) -> None:
    first, *others = answers
    console = Console()
    console.print(Text(first.lesson, "bold"))
    for title, sentence in ((_("What it means"), first.means), (_("Cause"), first.why)):
        console.print()
        console.print(Text(title, "bold"))
        for line in textwrap.wrap(printable(sentence), console.width - len(INDENT)):
            console.print(Text(INDENT + line))
    console.print()
    console.print(Text(_("What works today"), "bold"))
    for line in first.code.splitlines():
        console.print(Text(INDENT + line), soft_wrap=True)
    if first.replaces:
        console.print()
        console.print(cell(_("tf.{symbol} becomes {instead}").format(**first.named)), soft_wrap=True)
    if others:
        console.print()
        console.print(cell(_("It may also be: {names}").format(names=", ".join(each.lesson for each in others))))


def _list(as_json: bool) -> None:
    if as_json:
        say_json({"lessons": [Answer.of(lesson, {})._asdict() for lesson in LESSONS]})
        return
    rows = [(lesson.name, Answer.of(lesson, {}).means) for lesson in LESSONS]
    say_table([(_("lesson"), _("what it means")), *rows], text_columns=2)


def port(
    file: Annotated[
        Path, typer.Argument(help=_("Script (.py) or notebook (.ipynb); it is read, not run."), metavar=_("FILE"))
    ],
    as_json: Json = False,
) -> None:
    """List calls of a TensorFlow 1 script or notebook that are gone, and print the command that trains it."""
    ported = read_program(file)
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
