"""`descenso port --run` and `descenso port --out`."""

import re
import signal
from pathlib import Path
from typing import Any

import typer

from descenso.cli.lessons import list_findings, show_lessons
from descenso.cli.options import say, say_json
from descenso.text import _
from descenso.tf1.explain import Answer, explain
from descenso.tf1.program import Program, read_programs
from descenso.tf1.run import Ended
from descenso.tf1.run import run as run_program
from descenso.tf1.source import Place

OF_PYTHON_2 = {
    "xrange": "range", "raw_input": "input", "unicode": "str", "basestring": "str", "long": "int", "reduce":
    "from functools import reduce",
}  # fmt: skip


def run(file: Path, words: list[str], anyway: bool, as_json: bool) -> None:
    """Run the programs in `file` one after the other, up to the first that fails; exit with its code."""
    programs = read_programs(file)
    _refuse_dead(file, programs, anyway, as_json)
    said: list[dict[str, Any]] = []
    figures: tuple[str, ...] = ()
    for program in programs:
        if not any(block.plain.strip() for block in program.blocks):
            continue
        for place, line in program.left_out:
            _say(_("{file}: {place} is left out: {line}").format(file=file, place=place.text, line=line))
        if said:
            _say(_("{file}: the rest is for another TensorFlow, and runs in a new process").format(file=file))
        ended = run_program(file, program, words, as_json, figures)
        figures += ended.figures
        said.append(_as_json(program, ended, _after(file, program, ended)))
        if ended.exit_code:
            break
    code = said[-1]["exit_code"] if said else 0
    if as_json:
        say_json({"file": str(file), "exit_code": code, "programs": said})
    raise typer.Exit(code)


def write(file: Path, out: Path, anyway: bool, as_json: bool) -> None:
    """Write the program in `file` as a script for TensorFlow 2."""
    from descenso.tf1.rewrite import write_script

    programs = read_programs(file)
    _refuse_dead(file, programs, anyway, as_json)
    notes = write_script(file, programs, out)
    if as_json:
        say_json({"file": str(file), "out": str(out), "notes": notes})
        return
    for note in notes:
        _say(note)
    say(_("{out}: a script for TensorFlow 2; to run it: python {out}").format(out=out))


def _say(message: str) -> None:
    say(f"descenso: {message}", err=True)


def _refuse_dead(file: Path, programs: list[Program], anyway: bool, as_json: bool) -> None:
    """Name the calls that cannot work, and end unless `anyway`."""
    dead = [finding for program in programs for finding in program.dead]
    if not dead:
        return
    if as_json and not anyway:
        say_json({"file": str(file), "exit_code": 1, "cannot_work": [finding.as_json() for finding in dead]})
    _say(_("{file}: calls that cannot work with today's TensorFlow: {count}").format(file=file, count=len(dead)))
    list_findings(dead, err=True)
    if not anyway:
        say("", err=True)
        _say(_("nothing was run or written; --anyway does it nevertheless"))
        raise typer.Exit(1)


def _after(file: Path, program: Program, ended: Ended) -> list[Answer]:
    """Report how a program ended if it did not end normally, with the lesson on its error; return the lessons."""
    if ended.exit_code == 128 + signal.SIGINT:
        place = f" ({_place(ended)})" if ended.line else ""
        _say(_("{file}: interrupted{place}").format(file=file, place=place))
        return []
    if not ended.text:
        if ended.exit_code > 128:
            message = _("{file}: its process was ended by signal {number}")
            _say(message.format(file=file, number=ended.exit_code - 128))
        return []
    answers = _lessons(program, ended)
    if answers:
        where = _place(ended) if ended.line else _("in a library")
        _say(_("{file}, {place}: what `descenso explain` says of this").format(file=file, place=where))
        say("", err=True)
        show_lessons(answers, err=True)
    name = re.match(r"NameError: name '(\w+)' is not defined", ended.text)
    if name and name[1] in OF_PYTHON_2:
        _say(_("{name} is Python 2; in Python 3 it is: {instead}").format(name=name[1], instead=OF_PYTHON_2[name[1]]))
    return answers


def _place(ended: Ended) -> str:
    return Place(ended.cell, ended.line or 1).text


def _lessons(program: Program, ended: Ended) -> list[Answer]:
    """Return the lessons on an error; on the call that stands in its line if that cannot work."""
    here = [each.symbol for each in program.dead if each.place == (ended.cell, ended.line)]
    for symbol in sorted(here, key=len, reverse=True):
        answers = explain(f"tf.{symbol}")
        if answers and ended.text.startswith(("AttributeError", "ModuleNotFoundError", "ImportError")):
            return answers
    return explain(ended.text)


def _as_json(program: Program, ended: Ended, answers: list[Answer]) -> dict[str, Any]:
    error = {"message": ended.text, "cell": ended.cell, "line": ended.line}
    return {
        "tensorflow": 1 if program.old else 2,
        "exit_code": ended.exit_code,
        "error": {**error, "lessons": [answer._asdict() for answer in answers]} if ended.text else None,
        "figures": list(ended.figures),
        "left_out": [{**place._asdict(), "text": line} for place, line in program.left_out],
    }
