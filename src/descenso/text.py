"""Translate the sentences that users read, with GNU gettext, into English or Spanish.

The language is taken once from the environment (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`, in
gettext's own order) and may be set again by `use`. Keys, flags and column names are never translated.

Sentences name a setting by its flag, `--learning-rate 0.1`. In Python they are shown with keyword arguments in place of
flags, `learning_rate=0.1`; the command line calls `use_flags` to have them as they are written.
"""

import difflib
import errno
import gettext
import numbers
import os
import re
import string
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from descenso.errors import ConfigError

DOMAIN = "descenso"
FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("en", "es")


def from_environment() -> str:
    """Return the first language of the environment that has a catalogue, else English."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        names = [name[:2] for name in os.environ.get(variable, "").split(":") if name]
        if names:
            return next((name for name in names if name in LANGUAGES), "en")
    return "en"


def _load(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, str(FOLDER), languages=[language], fallback=True)


_catalogue = _load(from_environment())
_flags = False


def use(language: str) -> None:
    """Use `language` ("en" or "es") from now on.

    Raises:
        ConfigError: for a language without a catalogue.
    """
    global _catalogue
    if language not in LANGUAGES:
        raise ConfigError(
            _("the language must be one of {choices}, got {value!r}; try --lang es").format(
                choices=", ".join(LANGUAGES), value=language
            )
        )
    _catalogue = _load(language)


def use_flags(wanted: bool) -> None:
    """Name settings by flags, as on the command line, or by keyword arguments, from now on."""
    global _flags
    _flags = wanted


def flags_used() -> bool:
    """Return whether settings are named by flags."""
    return _flags


def language() -> str:
    """Return the language in use."""
    return _catalogue.info().get("language", "en")


def _(message: str) -> str:
    """Translate `message` into the language in use; an empty one, which is a catalogue's header, stays empty."""
    return _named(_catalogue.gettext(message) if message else "")


def plural(one: str, many: str, count: int) -> str:
    """Translate a sentence that is yet to be filled, as by `prose`: `one` for a count of 1, else `many`.

    >>> prose(plural("{count} row", "{count} rows", 1), count=1)
    '1 row'
    """
    return _named(_catalogue.ngettext(one, many, count))


def _named(translated: str) -> str:
    """Name the settings in a translated sentence as they are written where it is shown."""
    if _flags or ("--" not in translated and "descenso resume" not in translated):
        return translated
    from descenso.keywords import in_python

    return in_python(translated)


def spelled(name: str) -> str:
    """Spell the name of a setting as the rest of its flag on the command line, and as it is in Python."""
    return name.replace("_", "-") if _flags else name


def option(name: str, value: str | list[str] = "") -> str:
    """Write a setting as a user sets it: by a flag, whose value may be empty, or by a keyword argument in Python.

    >>> use_flags(False)
    >>> option("hidden", "64,32"), option("rule", "adam"), option("learning_rate", "0.1"), option("deterministic")
    ('hidden=(64, 32)', "rule='adam'", 'learning_rate=0.1', 'deterministic=True')
    """
    from descenso.keywords import keyword

    together = value if isinstance(value, str) else ",".join(value)
    return f"--{spelled(name)} {typed(together)}".rstrip() if _flags else keyword(name, value)


def typed(value: str) -> str:
    """Write the value of a flag as a shell takes it; unchanged where settings are keyword arguments."""
    from descenso.keywords import in_shell

    return in_shell(value) if _flags else value


def mark(message: str) -> str:
    """Mark `message` for the catalogue and leave it as it is: for tables that are translated when shown."""
    return message


def closest(name: str, choices: Iterable[str]) -> str:
    """Return " (did you mean …?)" if one of `choices` is near `name`, else nothing.

    >>> closest("compield", ["graph", "compiled"])
    " (did you mean 'compiled'?)"
    """
    near = nearest(name, choices)
    return _(" (did you mean {near!r}?)").format(near=near) if near and near != name else ""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the nearest of `choices` to `name`, or None if none is near.

    >>> nearest("cosin", ["constant", "cosine"])
    'cosine'
    """
    near = difflib.get_close_matches(name.lower(), list(choices), n=1)
    return near[0] if near else None


def printable(message: str) -> str:
    r"""Escape control and bidirectional characters, which could command a terminal.

    So are the ends of lines, by which a name could make up a line that descenso never said; what is to be of several
    lines is printed line by line.

    >>> print(printable("a\x1b[31mb\nTest accuracy: 1.0000"))
    a\x1b[31mb\nTest accuracy: 1.0000
    """
    escaped = (c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in message)
    return "".join(e if unicodedata.category(c) in _COMMANDING else c for c, e in zip(message, escaped, strict=True))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Format a table of texts in columns, each as wide as its widest cell, aligned right.

    >>> print(aligned([["a", "b"], ["1.5", "2"]]))
      a  b
    1.5  2
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)


WHOLE = re.compile(  # what is to be copied in one piece: code, commands, flags with their values, intervals
    r"`[^`]*`|\bdescenso (?:compare|data|doctor|env|evaluate|explain|export|find-rate|gradcheck|lab|landscape|launch|"
    r"models|plot|port|predict|replay|reproduce|resume|rules|runs|schedules|sweep|train)\b[^;`]*|"
    r"--[a-z][\w-]*[ =][^\s;,)]+|"
    r"[\[(][^\s,()\[\]]+, [^\s,()\[\]]+[\])]"
)
HELD = "\0"  # in place of a space at which a line is not broken; `printable` leaves none in a text
USUAL_WIDTH = 80  # characters, if the terminal's width is unknown


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """Break a printable text between words into lines of at most `width` characters.

    What is to be copied stays whole, and so do words longer than a line. A width of None breaks nowhere.

    >>> wrapped("the cost rose; try --learning-rate 0.01", 24)
    ['the cost rose; try', '--learning-rate 0.01']
    """
    if width is None:
        return [indent + text]
    lines = textwrap.wrap(_held(text), max(width, 1), initial_indent=indent, subsequent_indent=indent,
                          break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return [line.replace(HELD, " ") for line in lines] or [indent]


def longest_word(text: str) -> int:
    """Return the letters of the longest part of `text` at which `wrapped` does not break it.

    >>> longest_word("from --learning-rate 0.01 on")
    20
    """
    return max(map(len, _held(text).split(" ")))


def _held(text: str) -> str:
    return WHOLE.sub(lambda found: found[0].replace(" ", HELD), text)


def width_of(stream: TextIO | None) -> int | None:
    """Return the width in characters of the terminal that `stream` writes to, or None if it writes to none."""
    if stream is None or not stream.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns) or USUAL_WIDTH
    except (OSError, ValueError):  # the width is unknown
        return USUAL_WIDTH


_COMMANDING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SYSTEM = {  # what the system says when it refuses a path; C libraries translate these sentences, Python does not
    errno.EPERM: mark("Operation not permitted"),
    errno.ENOENT: mark("No such file or directory"),
    errno.EIO: mark("Input/output error"),
    errno.EACCES: mark("Permission denied"),
    errno.EBUSY: mark("Device or resource busy"),
    errno.EEXIST: mark("File exists"),
    errno.ENOTDIR: mark("Not a directory"),
    errno.EISDIR: mark("Is a directory"),
    errno.ENFILE: mark("Too many open files in system"),
    errno.EMFILE: mark("Too many open files"),
    errno.EFBIG: mark("File too large"),
    errno.ENOSPC: mark("No space left on device"),
    errno.EROFS: mark("Read-only file system"),
    errno.ENAMETOOLONG: mark("File name too long"),
    errno.ENOTEMPTY: mark("Directory not empty"),
    errno.ELOOP: mark("Too many levels of symbolic links"),
}
if hasattr(errno, "EDQUOT"):
    SYSTEM[errno.EDQUOT] = mark("Disk quota exceeded")


def reason_of(error: object) -> str:
    """Say why `error` happened, in the language in use if the system refused something, else as it says itself.

    >>> reason_of(OSError(errno.ENOENT, os.strerror(errno.ENOENT), "absent.csv"))
    'No such file or directory'
    >>> reason_of(ValueError("7 is no label"))
    '7 is no label'
    """
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    code = error.errno or 0
    return _(SYSTEM.get(code, error.strerror)) if error.strerror == os.strerror(code) else error.strerror


def number(value: float, spec: str = "") -> str:
    """Format a number for a sentence: in Spanish with a decimal comma, and 10 000 and 12 % with a space that holds.

    For prose only. What is copied or read by a program (JSON, CSV, history, tables, flags, the lines of costs) has a
    point in every language.

    >>> number(0.9221, ".4f"), number(55000, ","), number(0.12, ".0%")
    ('0.9221', '55,000', '12%')
    """
    text = format(value, spec)
    if language() != "es":
        return text
    whole, point, rest = text.partition(".")
    if len(whole.lstrip("-").replace(",", "")) < GROUPED:
        whole = whole.replace(",", "")
    return (whole.replace(",", SPACE) + ("," if point else "") + rest).replace("%", SPACE + "%")


def prose(sentence: str, /, **values: object) -> str:
    """Fill a translated sentence as `str.format` does, its numbers in the way of the language in use.

    A value that the reader is to type (a flag, a name, a line of code) is given as text.

    >>> prose("Test accuracy: {accuracy:.4f}", accuracy=0.92214)
    'Test accuracy: 0.9221'
    """
    return _PROSE.vformat(sentence, (), values)


class _Prose(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            return number(value, format_spec)  # type: ignore[arg-type] # NumPy's numbers, too
        return super().format_field(value, format_spec)


_PROSE = _Prose()
SPACE = "\N{NO-BREAK SPACE}"
GROUPED = 5  # digits from which Spanish groups them: 5000, but 55 000
