"""Find the lessons on a message of TensorFlow by their patterns, and words by name, without TensorFlow or a network."""

import difflib
import re
import unicodedata
from collections import defaultdict
from typing import NamedTuple

from descenso.text import _
from descenso.tf1.calls import ARGUMENTS, CALLS
from descenso.tf1.lesson import Lesson, Word
from descenso.tf1.messages import MESSAGES
from descenso.tf1.symbols import ARGUMENT, GONE, MOVED, find
from descenso.tf1.words import WORDS

LESSONS = (*CALLS, ARGUMENT, MOVED, GONE, *MESSAGES)
MOST = 2**16  # characters that are read, from the end, where the exception is
ALIKE = 0.76  # least likeness, as difflib measures it, of what may be a misspelt word: "bits" is not "bias"
LONGEST = 60  # characters of what is taken for a word, not for a message
ERROR = re.compile(r"^[ \t]{0,99}[\w.]{0,99}(?:Error|Warning|Exception)(?::|$)", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
SYMBOLS = (  # Python's messages on missing names, and a name by itself
    r"module 'tensorflow(?:_core)?(?:\._api\.v[12])?(?P<package>[\w.]*)' has no attribute '(?P<name>\w+)'",
    r"module 'keras[\w.]*\.(?P<package>losses|layers|metrics|initializers)' has no attribute '(?P<name>\w+)'",
    r"cannot import name '(?P<name>\w+)' from '(?:tensorflow(?:\._api\.v[12])?)(?P<package>[\w.]*)'",
    r"No module named '?tensorflow(?P<package>)\.(?P<name>[\w.]+)",
    r"^[ \t]{0,99}(?:tf|tensorflow)(?P<package>)\.(?P<name>[\w.]+)(?:\(\))?[ \t]*$",
)
TYPES = {"double": "float64", "float": "float32", "half": "float16"}  # names in messages of TensorFlow's kernels


class Answer(NamedTuple):
    """A lesson, applied to one message."""

    lesson: str  # its name
    means: str  # with the shapes, types or symbol of the message
    why: str
    code: str  # lines that work in TensorFlow 2
    named: dict[str, str]  # shapes, types or symbol of the message

    @classmethod
    def of(cls, lesson: Lesson, named: dict[str, str]) -> "Answer":
        """Return the answer of `lesson`, in the language in use."""
        filled = defaultdict(lambda: "…", named)
        code = lesson.code.format_map(filled) if lesson in (MOVED, GONE) else lesson.code
        return cls(lesson.name, _(lesson.means).format_map(filled), _(lesson.why), code, named)

    @property
    def replaces(self) -> bool:
        """Whether it names a replacement that its lines do not show."""
        return "instead" in self.named and self.named["instead"] not in f"{self.means}\n{self.code}"


def explain(text: str) -> list[Answer]:
    """Find the lessons on a message, the most specific first.

    Args:
        text: a message, a traceback (its last error is explained), a symbol like "tf.placeholder", or a lesson's name.

    >>> explain("Incompatible shapes: [100] vs. [100,10]")[0].named
    {'a': '[100]', 'b': '[100,10]'}
    """
    text = COLOUR.sub("", text[-MOST:])
    by_name = [Answer.of(lesson, {}) for lesson in LESSONS if lesson.name == text.strip()]
    if by_name:
        return by_name
    errors = list(ERROR.finditer(text))
    ends = [text[errors[-1].start() :]] if errors else []
    for part in (*ends, text):
        answers = [*_of_symbols(part), *_of_patterns(part)]
        if answers:
            return answers
    return []


def _of_symbols(text: str) -> list[Answer]:
    for pattern in SYMBOLS:
        for match in re.finditer(pattern, text, re.MULTILINE):
            symbol = f"{match['package']}.{match['name']}".strip(".").removeprefix("_api.v2.")
            known = find(symbol)
            if known:
                return [Answer.of(known.lesson, {"symbol": symbol, "instead": _(known.instead)})]
    return []


def _of_patterns(text: str) -> list[Answer]:
    answers = []
    for lesson in LESSONS:
        for pattern in lesson.patterns:
            match = re.search(pattern, text)
            if match:
                named = {name: _type(value) for name, value in match.groupdict().items() if name != "n"}
                if lesson is ARGUMENT:
                    named["instead"] = ARGUMENTS[named["symbol"]]
                answers.append(Answer.of(lesson, named))
                break
    return answers


def _type(name: str) -> str:
    return TYPES.get(name.lower(), name.lower() if name.isupper() else name)


def nearest(text: str, most: int = 3) -> list[str]:
    """Return the names of the lessons that share the most words with `text`."""
    words = _words(text[-MOST:])
    shared = {
        lesson.name: len(words & _words(" ".join((lesson.name, *lesson.patterns, *lesson.calls)))) for lesson in LESSONS
    }
    return [name for name in sorted(shared, key=lambda name: -shared[name]) if shared[name]][:most]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[A-Za-z]{4,}", text.lower()) if word not in ("tensorflow", "tensor")}


def _plain(text: str) -> str:
    """Return `text` in lower case, without accents and quotes, and with spaces for hyphens."""
    letters = unicodedata.normalize("NFKD", text.strip().strip("'\"«»“”¿?`.!()").lower())
    return re.sub(r"[\s_-]+", " ", "".join(c for c in letters if not unicodedata.combining(c)))


_WORDS = {_plain(name): word for word in WORDS for name in (word.name, *word.also)}


def define(text: str) -> Word | None:
    """Return the word that `text` is, in English or in Spanish; None for anything longer, such as a message.

    >>> define("Épocas").name
    'epoch'
    >>> define("the gradient is None") is None
    True
    """
    if len(text) > LONGEST:
        return None
    in_use = {_plain(_(word.name)): word for word in WORDS}
    return _WORDS.get(_plain(text)) or in_use.get(_plain(text))


def word_title(word: Word) -> str:
    """Return a word's name in the language in use, with the English one where it differs."""
    name = _(word.name)
    return name if name == word.name else f"{name} ({word.name})"


def word_hint(text: str) -> str:
    """Return " (did you mean …?)", with a word's name in the language in use, if one is near `text`, else nothing."""
    near = difflib.get_close_matches(_plain(text), _WORDS, n=1, cutoff=ALIKE)
    return _(" (did you mean {near!r}?)").format(near=_(_WORDS[near[0]].name)) if near else ""
