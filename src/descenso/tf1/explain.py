"""What a message of TensorFlow means, by the patterns of the lessons; offline, and without TensorFlow."""

import re
from collections import defaultdict
from typing import Any, NamedTuple

from descenso.text import _
from descenso.tf1.calls import ARGUMENTS, CALLS
from descenso.tf1.lesson import Lesson
from descenso.tf1.messages import MESSAGES
from descenso.tf1.runtime import RUNTIME
from descenso.tf1.symbols import ARGUMENT, GONE, MOVED, find

LESSONS = (*CALLS, ARGUMENT, MOVED, GONE, *MESSAGES, *RUNTIME)
MOST = 2**16  # characters, from the end of what is given: what was raised stands there
ERROR = re.compile(r"^[ \t]{0,99}[\w.]{0,99}(?:Error|Warning|Exception)(?::|$)", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
SYMBOLS = (  # how Python says that a name is gone, or how a person asks for one
    r"module 'tensorflow(?:_core)?(?:\._api\.v[12])?(?P<package>[\w.]*)' has no attribute '(?P<name>\w+)'",
    r"module 'keras[\w.]*\.(?P<package>losses|layers|metrics|initializers)' has no attribute '(?P<name>\w+)'",
    r"cannot import name '(?P<name>\w+)' from '(?:tensorflow(?:\._api\.v[12])?)(?P<package>[\w.]*)'",
    r"No module named '?tensorflow(?P<package>)\.(?P<name>[\w.]+)",
    r"^[ \t]{0,99}(?:tf|tensorflow)(?P<package>)\.(?P<name>[\w.]+)(?:\(\))?[ \t]*$",
)
TYPES = {"double": "float64", "float": "float32", "half": "float16"}  # as TensorFlow's kernels call them


class Answer(NamedTuple):
    """A lesson, on one message.

    Attributes:
        lesson: its name.
        means, why: sentences, filled with what the message names.
        code: lines that work today.
        named: what the message names: shapes, types, a symbol.
    """

    lesson: str
    means: str
    why: str
    code: str
    named: dict[str, str]

    @classmethod
    def of(cls, lesson: Lesson, named: dict[str, str]) -> "Answer":
        """The answer that `lesson` gives, in the language in use."""
        filled = defaultdict(lambda: "…", named)
        code = lesson.code.format_map(filled) if lesson in (MOVED, GONE) else lesson.code
        return cls(lesson.name, _(lesson.means).format_map(filled), _(lesson.why), code, named)

    @property
    def replaces(self) -> bool:
        """Whether it is of a symbol in whose place something stands that the lines do not show."""
        return "instead" in self.named and self.named["instead"] not in f"{self.means}\n{self.code}"

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return self._asdict()


def explain(text: str) -> list[Answer]:
    """The lessons on the message `text`, the nearest first; none where nothing is known of it.

    Args:
        text: a message, a traceback whose last error counts, a symbol such as "tf.placeholder", or a lesson's name.

    >>> explain("Incompatible shapes: [100] vs. [100,10]")[0].named
    {'a': '[100]', 'b': '[100,10]'}
    """
    text = COLOUR.sub("", text[-MOST:])
    asked = [Answer.of(lesson, {}) for lesson in LESSONS if lesson.name == text.strip()]
    if asked:
        return asked
    errors = list(ERROR.finditer(text))
    ends = [text[errors[-1].start() :]] if errors else []
    for part in (*ends, text):
        answers = [*_of_symbols(part), *_of_patterns(part)]
        if answers:
            return answers
    return []


def _of_symbols(text: str) -> list[Answer]:
    for pattern in SYMBOLS:
        for found in re.finditer(pattern, text, re.MULTILINE):
            symbol = f"{found['package']}.{found['name']}".strip(".").removeprefix("_api.v2.")
            known = find(symbol)
            if known:
                return [Answer.of(known.lesson, {"symbol": symbol, "instead": _(known.instead)})]
    return []


def _of_patterns(text: str) -> list[Answer]:
    answers = []
    for lesson in LESSONS:
        for pattern in lesson.patterns:
            found = re.search(pattern, text)
            if found:
                named = {name: _type(value) for name, value in found.groupdict().items() if name != "n"}
                if lesson is ARGUMENT:
                    named["instead"] = ARGUMENTS[named["symbol"]]
                answers.append(Answer.of(lesson, named))
                break
    return answers


def _type(name: str) -> str:
    return TYPES.get(name.lower(), name.lower() if name.isupper() else name)


def nearest(text: str, most: int = 3) -> list[str]:
    """Names of the lessons that share the most words with `text`."""
    words = _words(text[-MOST:])
    shared = {
        lesson.name: len(words & _words(" ".join((lesson.name, *lesson.patterns, *lesson.calls)))) for lesson in LESSONS
    }
    return [name for name in sorted(shared, key=lambda name: -shared[name]) if shared[name]][:most]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[A-Za-z]{4,}", text.lower()) if word not in ("tensorflow", "tensor")}
