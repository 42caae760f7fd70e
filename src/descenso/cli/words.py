"""Words of gradient descent, as `descenso explain` prints them."""

from rich.console import Console
from rich.text import Text

from descenso.cli.options import say, say_code, say_text
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
    say("")
    say_text(_(word.means), INDENT)
    if word.equation:
        say("")
        for equation in _(word.equation).split("   "):
            say_text(equation, INDENT)
    say("")
    console.print(Text(_("In code"), "bold"))
    for line in word.code.splitlines():
        say_code(INDENT + line)
    if word.see:
        say("")
        say_text(_("See it: {command}").format(command=word.see))


def is_word(text: str) -> bool:
    """Whether `text` may have been meant as a word, not as a message."""
    return len(text.split()) <= FEW


def say_words(text: str = "") -> None:
    """Print the names of all words, if `text` may have been meant as one."""
    if is_word(text):
        names = ", ".join(_(word.name) for word in WORDS)
        say_text(_("Words that are explained{hint}: {names}").format(hint=word_hint(text), names=names))
