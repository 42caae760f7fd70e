"""`descenso explain`."""

import sys
import textwrap
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from descenso.cli.options import Json, cell, say, say_json, say_table
from descenso.text import _, printable
from descenso.tf1.explain import LESSONS, MOST, Answer, nearest
from descenso.tf1.explain import explain as lessons_on

INDENT = "  "


def explain(
    message: Annotated[
        str | None,
        typer.Argument(
            help=_("A message of TensorFlow, or a name such as tf.placeholder; - or nothing for standard input."),
            metavar="TEXT",
        ),
    ] = None,
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
        _show(answers)
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


def _show(answers: list[Answer]) -> None:
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
