"""The command line: each command parses its options, calls the package and prints the result.

Nothing here imports TensorFlow, NumPy or matplotlib until a command needs them.
"""

import os
import sys
from importlib import import_module

from descenso import text
from descenso.errors import DescensoError


def main() -> None:
    """Run the command line, and exit with the exit code of `descenso.errors`."""
    try:
        language = _language(sys.argv)
        text.use(language)
        text.use_flags(True)
        text.lend_to_typer(language)
        import_module("descenso.cli.app").app(prog_name="descenso")
    except DescensoError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say(text._("interrupted"))
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has closed its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _language(arguments: list[str]) -> str:
    """Take `--lang` out of `arguments`, at any place: help texts are made when commands are imported."""
    for place, argument in enumerate(arguments):
        if argument == "--lang" and place + 1 < len(arguments):
            language = arguments[place + 1]
            del arguments[place : place + 2]
            return language
        if argument.startswith("--lang="):
            del arguments[place]
            return argument.removeprefix("--lang=")
    return text.from_environment()


def _say(message: str) -> None:
    print(f"descenso: {text.printable(message)}", file=sys.stderr)  # noqa: T201 - the one plain line an error gets
