"""Words of gradient descent, as `descenso explain` prints them."""

import textwrap

from rich.console import Console
from rich.text import Text

from descenso.cli.options import cell, say
from descenso.text import _
from descenso.tf1.explain import word_hint, word_title
from descenso.tf1.lesson import Word
from descenso.tf1.words import WORDS

INDENT = "  "
FEW = 3  # parts of a text that may have been meant as a word


def word_as_json(word: Word) -> dict[str, str]:
    """Return a word's entry, in the language in use."""
    texts = {"word": _(word.name), "means": _(word.means), "equation": _(word.equation)}
    return {**texts, "code": word.code, "see": word.see}


def words_as_json() -> list[dict[str, str]]:
    """Return all entries."""
    return [word_as_json(word) for word in WORDS]


def show_word(word: Word) -> None:
    """Print a word's meaning, its equation, its lines, and the command that shows it."""
    console = Console()
    console.print(Text(word_title(word), "bold"))
    console.print()
    _say_wrapped(_(word.means), INDENT)
    if word.equation:
        console.print()
        console.print(Text(INDENT + _(word.equation)), soft_wrap=True)
    console.print()
    console.print(Text(_("In code"), "bold"))
    for line in word.code.splitlines():
        console.print(Text(INDENT + line), soft_wrap=True)
    if word.see:
        console.print()
        console.print(cell(_("See it: {command}").format(command=word.see)), soft_wrap=True)


def say_words(text: str = "") -> None:
    """Print the names of all words, if `text` may have been meant as one."""
    if len(text.split()) <= FEW:
        names = ", ".join(_(word.name) for word in WORDS)
        _say_wrapped(_("Words that are explained{hint}: {names}").format(hint=word_hint(text), names=names))


def _say_wrapped(text: str, indent: str = "") -> None:
    width = Console().width
    for line in textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False):
        say(line)
