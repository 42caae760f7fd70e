"""The command line: each command parses its options, calls the package and prints the result.

Nothing here imports TensorFlow, NumPy or matplotlib until a command needs them.
"""

import gc
import gettext
import os
import sys
import warnings
from importlib import import_module
from typing import TextIO

from descenso import text
from descenso.errors import DescensoError

BORROWED = (  # sentences of Typer that a person reads among ours
    text.mark("Arguments"),
    text.mark("Options"),
    text.mark("Commands"),
    text.mark("(deprecated) "),
    text.mark("[default: {}]"),
    text.mark("[env var: {}]"),
    text.mark("[required]"),
    text.mark("Install completion for the current shell."),
    text.mark("Show completion for the current shell, to copy it or customize the installation."),
)


_as_python = warnings.showwarning


def main() -> None:
    """Run the command line, and exit with the exit code of `descenso.errors`."""
    try:
        language = _language(sys.argv)
        text.use_flags(True)
        text.use(language)
        warnings.showwarning = _warn
        lend_to_typer(language)
        sys.exit(import_module("descenso.cli.app").app(prog_name="descenso", standalone_mode=False))
    except DescensoError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say(text._("interrupted"))
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has closed its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # Click's are answered, without importing Click here; others are raised again
        answer = import_module("descenso.cli.usage").answer(error, sys.argv[1:])
        if answer is None:
            raise
        line, exit_code = answer
        if line:
            _say(line)
        sys.exit(exit_code)
    finally:
        gc.freeze()  # at exit, Python would search the objects of TensorFlow for cycles, which takes half a second


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of descenso as a line, and that of a library as Python does."""
    if filename.startswith(str(text.FOLDER.parent)):
        _print(text._("descenso: warning: {message}").format(message=message))
    else:
        _as_python(message, category, filename, lineno, file, line)


def lend_to_typer(language: str) -> None:
    """Let Typer, not yet imported, find its sentences in our catalogue.

    It sets gettext's process-wide domain and the environment's LANGUAGE, as a program may and a library
    may not.
    """
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain(text.DOMAIN, str(text.FOLDER))
    gettext.textdomain(text.DOMAIN)


def _language(arguments: list[str]) -> str:
    """Take `--lang` out of `arguments`, at any place: help texts are made when commands are imported."""
    for place, argument in enumerate(arguments):
        if argument == "--":  # what follows is for a program, as of `descenso port`
            break
        if argument == "--lang" and place + 1 < len(arguments):
            language = arguments[place + 1]
            del arguments[place : place + 2]
            return language
        if argument.startswith("--lang="):
            del arguments[place]
            return argument.removeprefix("--lang=")
    return text.from_environment()


def _say(message: str) -> None:
    _print(f"descenso: {message}")


def _print(message: str) -> None:
    """Print an error or a warning: one line, or several in a terminal that is narrower."""
    for line in text.wrapped(text.printable(message), text.width_of(sys.stderr)):
        print(line, file=sys.stderr)  # noqa: T201 - `say` is in a module that takes longer to import
