"""Answers to a call that a command cannot parse, in one line as for any other error.

Typer keeps its sentences on wrong calls in English and offers no way to translate them. It does say which option or
argument is meant, in attributes that Click documents, and from these the sentences are made here. What is not known
here is said as Typer says it.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from descenso.text import _, nearest

LAUNCHED = ("train", "resume", "compare")  # commands that `launch` takes
ONLY_A_NUMBER = {"int_parsing", "int_from_float", "int_type"}


def answer(error: Exception, words: Sequence[str]) -> tuple[str, int] | None:
    """Return what to say of `error`, which Typer raised for the command line `words`, and the exit code.

    Args:
        error: any exception.
        words: the arguments after the name of the program.

    Returns:
        The line, empty if all has been said, and the exit code; None if the error is not Typer's.
    """
    if isinstance(error, typer.Abort):
        return _("Aborted."), 1
    if not hasattr(error, "format_message"):  # all errors of Typer and Click have it
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context else " ".join(["descenso", *words[:1]])
    sentence, exit_code = _sentence(error, command, words), getattr(error, "exit_code", 2)
    return (f"{sentence}; " + _("see {command} --help").format(command=command) if sentence else ""), exit_code


def _sentence(error: Any, command: str, words: Sequence[str]) -> str:
    kind, name = type(error).__name__, command.removeprefix("descenso ")
    if name == "launch" and kind in ("NoSuchOption", "MissingParameter") and (meant := _after_dashes(words[1:])):
        return _("the command to launch and its options stand after --; try {line}").format(line=meant)
    if kind == "NoSuchOption" and (meant := _known_elsewhere(error, words)):
        return meant
    if kind == "NoSuchOption":
        near = nearest(error.option_name.lstrip("-"), [option.lstrip("-") for option in error.possibilities or ()])
        hint = _(" (did you mean {near!r}?)").format(near=f"--{near}") if near else ""
        return _("{command} has no option {option}{hint}").format(command=name, option=error.option_name, hint=hint)
    if kind == "BadOptionUsage":
        given = [word for word in words if word.startswith(f"{error.option_name}=")]
        if given:
            return _("{option} takes no value, got {value}").format(option=error.option_name, value=given[0])
        return _("{option} needs a value").format(option=error.option_name)
    if kind == "MissingParameter":
        return _missing(error, name, words)
    if kind == "BadParameter" and error.param is not None:
        return _bad_value(error)
    return str(error.format_message()).rstrip(".")


def _missing(error: Any, command: str, words: Sequence[str]) -> str:
    """Say which argument is missing; for a run, name the newest one and the command with it."""
    sentence = _("{command} needs {name}").format(command=command, name=_name(error.param))
    arguments = [each.name for each in error.ctx.command.params if each.param_type_name == "argument"]
    if arguments[:1] != ["run"]:
        return sentence
    from descenso.cli.options import newest_run

    first = next((word for word in words[1:] if not word.startswith("-")), "")
    if error.param.name != "run" and (Path(first) / "status.json").is_file():
        return sentence
    newest = newest_run()
    if newest is None:
        return _("{command} needs RUN, and there is none in runs/ yet; make one: descenso train").format(
            command=command
        )
    line = shlex.join(["descenso", words[0], str(newest), *words[1:]])
    message = _("{command} needs RUN as its first argument; with the newest one: {line}")
    return message.format(command=command, line=line)


def _after_dashes(words: Sequence[str]) -> str:
    """Return the line that is meant by arguments of `launch` without `--`, or "" if they name no command."""
    ours, theirs, rest = ["--workers", "2"], list[str](), list(words)
    while rest:
        word, *rest = rest
        name, equals, _value = word.partition("=")
        if name in ("--workers", "--restarts") and (equals or rest):
            value = word.partition("=")[2] if equals else rest.pop(0)
            ours = [*ours, name, value] if name == "--restarts" else ["--workers", value, *ours[2:]]
        else:
            theirs.append(word)
    if "--" in words or not set(LAUNCHED) & set(theirs):
        return ""
    return shlex.join(["descenso", "launch", *ours, "--", *theirs])


def _known_elsewhere(error: Any, words: Sequence[str]) -> str:
    """Return advice on an option that other libraries have: the one of this command; "" for any other."""
    typed = next((word for word in words if word.startswith(error.option_name)), error.option_name)
    name, equals, value = typed.partition("=")  # of -lr, Click knows -l
    following = words[words.index(typed) + 1 :][:1] if typed in words else []
    if not equals:
        value = next((word for word in following if not re.match("-[^0-9.]", word)), None)
    parameters = error.ctx.command.params if error.ctx else []
    from descenso.config import SETTINGS, table
    from descenso.elsewhere import WITHOUT_OPTION
    from descenso.guesses import known_as

    arguments = [str(each.metavar) for each in parameters if each.param_type_name == "argument"]
    options = [str(each.name) for each in parameters if each.param_type_name == "option"]
    key = name.lstrip("-").replace("-", "_").lower()
    if key in WITHOUT_OPTION and arguments and not ("data" in options and key != "run"):
        call = " ".join([error.ctx.command_path, *arguments])
        return _("{name}: it is given without an option: {call}").format(name=name, call=call)
    settings = tuple(each for each in options if each in SETTINGS)
    return known_as(name, value, settings, table(), tuple(each for each in options if each not in settings), typed=True)


def _name(parameter: Any) -> str:
    """Return the longest flag of an option, or the word that stands for an argument in the help."""
    flags: list[str] = [flag for flag in parameter.opts if flag.startswith("-")]
    return max(flags, key=len) if flags else str(parameter.metavar or parameter.name)


def _bad_value(error: Any) -> str:
    """Say what value a typed option takes, from the report of pydantic, by which Typer reads values."""
    name = _name(error.param)
    report: list[Any] = getattr(error.__cause__, "errors", list)()
    if not report:
        return f"{name}: {error.message}"
    first = report[0]
    limits = first.get("ctx", {})
    if first["type"] in ONLY_A_NUMBER:
        expected = _("a whole number")
    elif first["type"].startswith("float"):
        expected = _("a number")
    elif "ge" in limits:
        expected = _("at least {least}").format(least=limits["ge"])
    elif "le" in limits:
        expected = _("at most {most}").format(most=limits["le"])
    else:
        return f"{name}: {error.message}"
    comma = _(" (numbers are read with a point, 1.5)") if "," in str(first["input"]) else ""
    sentence = _("{option} must be {expected}, got {value!r}")
    return sentence.format(option=name, expected=expected, value=first["input"]) + comma
