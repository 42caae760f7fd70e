"""`descenso explain` and `descenso port`."""

import shlex
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from descenso.cli.lessons import list_findings, say_recognised, show_lessons, show_nearest
from descenso.cli.options import Json, option, say, say_code, say_json, say_table, say_text
from descenso.cli.words import is_word, say_words, show_word, word_as_json, words_as_json
from descenso.errors import ConfigError
from descenso.text import _, mark, width_of
from descenso.tf1.descents import Descent
from descenso.tf1.explain import LESSONS, MOST, Answer, define, nearest, recognised
from descenso.tf1.explain import explain as lessons_on
from descenso.tf1.port import Finding
from descenso.tf1.port import port as read_program

MESSAGE = _("A message, a name such as tf.placeholder, or a word such as gradient; - or nothing for standard input.")
WORDS = _("Arguments of the program with --run, after --: its sys.argv.")
PROGRAM = mark("The program itself")
RUN = _(
    "Run the file: its own code, in a process of its own, without a network. tensorflow has the functions that it was "
    "written for, MNIST is the bundled one, and figures are saved. Without this option nothing of the file is executed."
)
OUT = _("Write it as a script for plain TensorFlow 2, without descenso; no file is replaced, and nothing is executed.")
MOST_OF_A_LINE = 72  # characters of a command that is printed to be copied
ANYWAY = _("With --run or --out: do it although calls were found that cannot work.")


def explain(
    message: Annotated[str | None, typer.Argument(help=MESSAGE, metavar=_("TEXT"))] = None,
    listed: Annotated[bool, typer.Option("--list", help=_("List all words and lessons."))] = False,
    as_json: Json = False,
) -> None:
    """Explain a message of TensorFlow, or a word of gradient descent: what it means, and code that works today."""
    if listed:
        _list(as_json)
        return
    text = _standard_input() if message in (None, "-") else str(message)
    word, answers = define(text), lessons_on(text)
    if not (word or answers or as_json) and _is_command(text):
        say(_("{name} is a command of descenso: descenso {name} --help").format(name=text.strip()))
        return
    near = [] if word or answers else nearest(text)
    if as_json:
        lessons, alike = ([each._asdict() for each in some] for some in (answers, near))
        found = recognised(text)
        say_json({"word": word and word_as_json(word), "lessons": lessons, "nearest": alike, "recognised": found})
    elif word or answers:
        if word:
            show_word(word)
        if word and answers:
            say("")
            say(_("As an error:"))
            say("")
        if answers:
            show_lessons(answers)
            say_recognised({} if answers[0].named else recognised(text))
    else:
        say(_("No word or lesson has this name.") if is_word(text) else _("There is no lesson on this message."))
        say_recognised(recognised(text))
        show_nearest(near)
        say_words(text)
    if not (word or answers):
        raise typer.Exit(1)


def _is_command(text: str) -> bool:
    """Whether `text` is the name of a command."""
    from descenso.cli.app import COMMANDS

    return text.strip() in COMMANDS


def _standard_input() -> str:
    """Read standard input to its end, so that a pipe is not broken, and keep the last `MOST` bytes."""
    if sys.stdin.isatty():
        say(_("Paste the message, and end it with Ctrl-D."), err=True)
    text, stream = b"", typer.get_binary_stream("stdin")
    while piece := stream.read(MOST):
        text = (text + piece)[-MOST:]
    return text.decode("utf-8", "replace")


def _list(as_json: bool) -> None:
    if as_json:
        lessons = [Answer.of(lesson, {})._asdict() for lesson in LESSONS]
        say_json({"words": words_as_json(), "lessons": lessons})
        return
    say_words()
    say("")
    rows = [(lesson.name, Answer.of(lesson, {}).means) for lesson in LESSONS]
    say_table([(_("lesson"), _("what it means")), *rows], text_columns=2)


def port(
    file: Annotated[
        Path, typer.Argument(help=_("Script (.py) or notebook (.ipynb); it is run with --run only."), metavar=_("FILE"))
    ],
    words: Annotated[list[str] | None, typer.Argument(help=WORDS, metavar=_("ARGS"))] = None,
    run: Annotated[bool, option(RUN, "--run", panel=_(PROGRAM))] = False,
    out: Annotated[Path | None, option(OUT, "--out", "-o", panel=_(PROGRAM), metavar=_("NEW.py"))] = None,
    anyway: Annotated[bool, option(ANYWAY, "--anyway", panel=_(PROGRAM))] = False,
    as_json: Json = False,
) -> None:
    """Read a TensorFlow 1 script or notebook: list calls that are gone, and print the command; or run or rewrite it."""
    _check_port(file, words, run, out, anyway)
    if run or out is not None:
        from descenso.cli import programs

        if out is not None:
            programs.write(file, out, anyway, as_json)
        else:
            programs.run(file, words or [], anyway, as_json)
        return
    ported = read_program(file)
    if as_json:
        say_json({"file": str(file), **ported.as_json()})
    else:
        _show_findings(file, ported.findings)
        if ported.descents is None:
            say(_("Its functions call each other too often to be followed; no training was read."))
        for descent in ported.descents or []:
            _show_descent(descent)
        say("")
        say(_("The program itself: descenso port {file} --run").format(file=shlex.quote(str(file))))
        say(_("A script for TensorFlow 2: descenso port {file} --out new.py").format(file=shlex.quote(str(file))))
    if ported.findings:
        raise typer.Exit(1)


def _check_port(file: Path, words: list[str] | None, run: bool, out: Path | None, anyway: bool) -> None:
    if run and out is not None:
        message = _("--run and --out are two commands; try descenso port {file} --out {out}, then python {out}")
        raise ConfigError(message.format(file=file, out=out))
    if words and not run:
        message = _("arguments of the program are for --run; try descenso port {file} --run -- {words}")
        raise ConfigError(message.format(file=file, words=shlex.join(words)))
    if anyway and not run and out is None:
        raise ConfigError(
            _("--anyway is for --run and --out; try descenso port {file} --run --anyway").format(file=file)
        )
    if out is not None and out.suffix.lower() != ".py":
        message = _("out must be a script, got {out}; try --out {stem}.py")
        raise ConfigError(message.format(out=out, stem=out.stem))


def _show_findings(file: Path, findings: list[Finding]) -> None:
    if not findings:
        say(_("{file}: no calls that are gone from TensorFlow.").format(file=file))
        return
    say(_("{file}: calls that are gone or changed: {count}").format(file=file, count=len(findings)))
    list_findings(findings)


def _show_descent(descent: Descent) -> None:
    say("")
    if descent.command:
        say(_("{place}: a training run, as a command of descenso:").format(place=descent.place.text))
        say("")
        for line in _lines(descent.command):
            say_code(line)
    else:
        say(_("{place}: a gradient, but not of a model that descenso has.").format(place=descent.place.text))
    notes = [_("{name} was not read: {why}").format(name=name.upper(), why=why) for name, why in descent.unread.items()]
    notes += descent.notes
    if notes:
        say("")
    for note in notes:
        say_text(note, "  ")


def _lines(command: list[str]) -> list[str]:
    """Break `command` between its flags into lines of shell input."""
    words = [shlex.quote(word) for word in command]
    pairs = (f"{flag}\xa0{value}" for flag, value in zip(words[3::2], words[4::2], strict=True))
    most = min(MOST_OF_A_LINE, (width_of(sys.stdout) or MOST_OF_A_LINE + 8) - 8)  # with the indent and a backslash
    lines = textwrap.wrap(" ".join([*words[:3], *pairs]), most, break_on_hyphens=False, break_long_words=False)
    return [f"    {line}".replace("\xa0", " ") + (" \\" if line is not lines[-1] else "") for line in lines]
