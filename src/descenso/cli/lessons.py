"""Print lessons on messages of TensorFlow, and calls that are gone."""

import textwrap

from rich.console import Console
from rich.text import Text

from descenso.cli.options import cell, say
from descenso.text import _, printable
from descenso.tf1.explain import Answer
from descenso.tf1.port import Finding

INDENT = "  "
WIDE = 32  # characters; most calls are shorter


def show_lessons(answers: list[Answer], err: bool = False) -> None:
    """Print the first lesson in full, and the names of the others; to standard error if `err`."""
    first, *others = answers
    console = Console(stderr=err)
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


def list_findings(findings: list[Finding], err: bool = False) -> None:
    """Print each finding with its replacement, and the names of the lessons; to standard error if `err`."""
    say("", err)
    for finding in findings:
        instead = f"→ {_(finding.instead)}"
        line = f"{finding.place!s:>7}  {finding.call:<{WIDE}}"
        if len(line) + len(instead) + 2 <= Console().width:
            say(f"{line}  {instead}", err)
        else:
            say(line.rstrip(), err)
            say(f"{'':>9}{instead}", err)
    names = ", ".join(dict.fromkeys(finding.lesson for finding in findings))
    say("", err)
    say_wrapped(_("`descenso explain NAME` says more: {names}").format(names=names), err=err)


def say_wrapped(text: str, indent: str = "", err: bool = False) -> None:
    """Print a text in lines as wide as the terminal; to standard error if `err`."""
    for line in textwrap.wrap(text, Console().width, initial_indent=indent, subsequent_indent=indent):
        say(line, err)
