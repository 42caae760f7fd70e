"""Print lessons on messages of TensorFlow, and calls that are gone."""

from rich.console import Console
from rich.text import Text

from descenso.cli.options import say, say_code, say_table, say_text
from descenso.text import _
from descenso.tf1.explain import Answer, Near
from descenso.tf1.port import Finding

INDENT = "  "
WIDE = 32  # characters; most calls are shorter


def show_lessons(answers: list[Answer], err: bool = False) -> None:
    """Print the first lesson in full, and the names of the others; to standard error if `err`."""
    first, *others = answers
    console = Console(stderr=err)
    console.print(Text(first.lesson, "bold"))
    for title, sentence in ((_("What it means"), first.means), (_("Cause"), first.why)):
        say("", err)
        console.print(Text(title, "bold"))
        say_text(sentence, INDENT, err)
    say("", err)
    console.print(Text(_("What works today"), "bold"))
    for line in first.code.splitlines():
        say_code(INDENT + line, err)
    if first.replaces:
        say("", err)
        say_text(_("tf.{symbol} becomes {instead}").format(**first.named), err=err)
    if others:
        say("", err)
        say_text(_("It may also be: {names}").format(names=", ".join(each.lesson for each in others)), err=err)


def say_recognised(found: dict[str, list[str]]) -> None:
    """Print the shapes, types and names that were found in a message, if any."""
    kinds = {"shapes": _("shapes"), "types": _("types"), "names": _("names")}
    parts = [f"{kinds[kind]} {', '.join(each)}" for kind, each in found.items() if each]
    if parts:
        say("")
        say_text(_("In the message: {parts}").format(parts="; ".join(parts)))


def show_nearest(near: list[Near]) -> None:
    """Print the lessons that are nearest to an unknown message, with their scores."""
    if near:
        rows = [(each.lesson, each.means, f"{each.score:.2f}") for each in near]
        say("")
        say_table([(_("nearest lesson"), _("what it means"), _("score")), *rows], text_columns=2)
        say("")
        say_text(_("The score is the share of the message's words that a lesson has, 1 if all."))
        say_text(_("`descenso explain NAME` shows a lesson."))


def list_findings(findings: list[Finding], err: bool = False) -> None:
    """Print each finding with its replacement, and the names of the lessons; to standard error if `err`."""
    say("", err)
    for finding in findings:
        instead = f"→ {_(finding.instead)}"
        line = f"{finding.place!s:>7}  {finding.call:<{WIDE}}"
        if len(line) + len(instead) + 2 <= Console().width:
            say_code(f"{line}  {instead}", err)
        else:
            say_code(line.rstrip(), err)
            say_text(instead, " " * 9, err)
    names = ", ".join(dict.fromkeys(finding.lesson for finding in findings))
    say("", err)
    say_text(_("`descenso explain NAME` says more: {names}").format(names=names), err=err)
