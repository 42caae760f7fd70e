"""Find the lessons on a message of TensorFlow by their patterns, and words by name, without TensorFlow or a network."""

import difflib
import math
import re
import unicodedata
from collections import Counter, defaultdict
from functools import lru_cache
from typing import NamedTuple

from descenso.text import _
from descenso.tf1.calls import ARGUMENTS, CALLS
from descenso.tf1.lesson import Lesson, Word
from descenso.tf1.messages import MESSAGES
from descenso.tf1.messages_of_files import OF_FILES
from descenso.tf1.messages_of_layers import KERAS_2, OF_LAYERS
from descenso.tf1.messages_of_training import OF_TRAINING
from descenso.tf1.messages_of_values import OF_VALUES
from descenso.tf1.symbols import ARGUMENT, GONE, MOVED, find
from descenso.tf1.words import WORDS

LESSONS = (*CALLS, ARGUMENT, MOVED, GONE, *OF_LAYERS, *OF_TRAINING, *MESSAGES, *OF_VALUES, *OF_FILES)
INSTEAD = {**ARGUMENTS, **KERAS_2}  # what stands in place of the symbol of a message
MOST = 2**16  # characters that are read, from the end, where the exception is
ALIKE = 0.76  # least likeness, as difflib measures it, of what may be a misspelt word: "bits" is not "bias"
FEW = 5  # shapes, types and names of a message that are told
COMMON = re.compile("the|and|for|that|with|from|this|are|was|not|has|have|but|can|its|all|tensor|tensorflow|error")
LONGEST = 60  # characters of what is taken for a word, not for a message
ERROR = re.compile(r"^[ \t]{0,99}[\w.]{0,99}(?:Error|Warning|Exception)(?::|$)", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
SYMBOLS = (  # Python's messages on missing names, and a name by itself
    r"module 'tensorflow(?:_core)?(?:\._api\.v[12])?(?P<package>[\w.]*)' has no attribute '(?P<name>\w+)'",
    r"module 'keras\.(?:_tf_keras|api\._v\d)[\w.]*\.(?P<package>losses|metrics)' has no attribute '(?P<name>\w+)'",
    r"cannot import name '(?P<name>\w+)' from '(?:tensorflow(?:\._api\.v[12])?)(?P<package>[\w.]*)'",
    r"No module named '?tensorflow(?P<package>)\.(?P<name>[\w.]+)",
    r"^[ \t]{0,99}(?:tf|tensorflow)(?P<package>)\.(?P<name>[\w.]+)(?:\(\))?[ \t]*$",
)
FILLED = (MOVED.code, GONE.code, OF_LAYERS[0].code)  # lines that have the symbol of the message in them
SIZE = r"(?:None|\?|\d{1,18})"
RECOGNISED = {  # what is picked out of a message that no lesson is on
    "shapes": rf"(?<![\w\]])(?:\({SIZE},(?: ?{SIZE}(?:, ?{SIZE})*,?)?\)|\[{SIZE}(?:, ?{SIZE})*\])",
    "types": r"\b(?:u?int(?:8|16|32|64)|b?float(?:16|32|64)|complex(?:64|128))\b",
    "names": r"(?<!\w)(?:'[A-Za-z_][\w./:-]*'(?!\w)|`[A-Za-z_][^`\n]{0,60}`)|\b(?:tf|keras|np)\.[\w.]*\w",
}
TYPED = ("a", "b")  # groups of shapes and types; other groups are names
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
        code = lesson.code.format_map(filled) if lesson.code in FILLED else lesson.code
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
                found = {name: value for name, value in match.groupdict().items() if name != "n"}
                named = {name: _type(value) if name in TYPED else value for name, value in found.items()}
                if "symbol" in named:
                    named["instead"] = _(INSTEAD[named["symbol"]])
                answers.append(Answer.of(lesson, named))
                break
    return answers


def _type(name: str) -> str:
    return TYPES.get(name.lower(), name.lower() if name.isupper() else name)


class Near(NamedTuple):
    """A lesson that is near an unknown message."""

    lesson: str  # its name
    score: float  # in (0, 1]: share of the message's words that the lesson has, words of few lessons counting more
    means: str


def nearest(text: str, most: int = 3) -> list[Near]:
    """Return the lessons that share the most words with `text`, the nearest first.

    >>> nearest("the tape is not persistent")[0].lesson
    'tape-used'
    """
    known, words = _known_words(), _words(text[-MOST:])
    among = Counter(word for its in known.values() for word in its)
    weights = {word: math.log(1 + len(known) / among[word]) for word in words if among[word]}
    total = sum(weights.values()) + (len(words) - len(weights)) * math.log(1 + len(known))
    scores = {lesson: sum(weights.get(word, 0) for word in its) / (total or 1) for lesson, its in known.items()}
    first = sorted(LESSONS, key=lambda lesson: -scores[lesson.name])[:most]
    return [Near(each.name, round(scores[each.name], 2), Answer.of(each, {}).means)
            for each in first if scores[each.name] >= 0.005]  # fmt: skip


@lru_cache(maxsize=1)
def _known_words() -> dict[str, set[str]]:
    """Return the words of each lesson, by its name."""
    return {each.name: _words(" ".join((each.name, each.means, *each.patterns, *each.calls))) for each in LESSONS}


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]{3,}", text.lower()) if not COMMON.fullmatch(word)}


def recognised(text: str) -> dict[str, list[str]]:
    """Return the shapes, the types and the names in a message, each once, at most `FEW` of a kind.

    >>> recognised("expected 'x' of shape (None, 4), got float64")
    {'shapes': ['(None, 4)'], 'types': ['float64'], 'names': ['x']}
    """
    text = COLOUR.sub("", text[-MOST:])
    found = {kind: re.findall(pattern, text) for kind, pattern in RECOGNISED.items()}
    return {
        kind: list(dict.fromkeys(each.strip("'`") for each in all_found))[:FEW] for kind, all_found in found.items()
    }


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
