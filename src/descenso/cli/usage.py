"""Answers to a call that a command cannot parse, in one line as for any other error.

Typer keeps its sentences on wrong calls in English and offers no way to translate them. It does say which option or
argument is meant, in attributes that Click documents, and from these the sentences are made here. What is not known
here is said as Typer says it.
"""

from collections.abc import Sequence
from typing import Any

import typer

from descenso.text import _, nearest

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
    if not hasattr(error, "format_message"):  # which all of Typer's and Click's have
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context else " ".join(["descenso", *words[:1]])
    sentence, exit_code = _sentence(error, command, words), getattr(error, "exit_code", 2)
    return (f"{sentence}; " + _("see {command} --help").format(command=command) if sentence else ""), exit_code


def _sentence(error: Any, command: str, words: Sequence[str]) -> str:
    kind, name = type(error).__name__, command.removeprefix("descenso ")
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
        return _("{command} needs {name}").format(command=name, name=_name(error.param))
    if kind == "BadParameter" and error.param is not None:
        return _bad_value(error)
    return str(error.format_message()).rstrip(".")


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
