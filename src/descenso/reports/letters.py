"""Choose fonts for texts in any script, and escape letters that no installed font has."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from descenso.text import _

MOST_NOTED, MOST_LETTERS = 8, 36  # classes that a note spells out, and letters of each
USUAL = "DejaVu Sans"  # which matplotlib brings
WITHOUT_LETTERS = ("Last Resort", "cm", "STIX")  # fonts of boxes, and of formulas
SHAPES = mpl.__version_info__ >= (3, 11)  # whether matplotlib joins letters, and runs them from right to left
FROM_THE_RIGHT = {"R", "AL"}  # bidirectional classes


@lru_cache
def letters_of(path: str) -> frozenset[int]:
    """Return the code points that the font in a file has; none where it cannot be read."""
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError, ValueError):  # such as emoji fonts
        return frozenset()


@lru_cache
def _fonts() -> tuple[tuple[str, str], ...]:
    """Return name and file of each installed font for text, regular ones, the usual one first."""
    found = dict[str, str]()
    for font in font_manager.fontManager.ttflist:
        regular = font.style == "normal" and font.weight in (400, "normal", "regular")
        if regular and font.variant == "normal" and not font.name.startswith(WITHOUT_LETTERS):
            found.setdefault(font.name, font.fname)
    return tuple(sorted(found.items(), key=lambda item: (item[0] != USUAL, item[0])))


@lru_cache(maxsize=4096)
def drawn(text: str) -> tuple[str, tuple[str, ...], bool]:
    r"""Return `text` as it can be drawn, the families of fonts to draw it in, and whether it is whole.

    Letters that no font has are escaped, and so are those from right to left where matplotlib does not shape them.

    >>> drawn("naïve")
    ('naïve', ('DejaVu Sans',), True)
    """
    families, shown = [USUAL], ""
    for letter in text:
        shaped = SHAPES or unicodedata.bidirectional(letter) not in FROM_THE_RIGHT
        family = next((name for name, path in _fonts() if ord(letter) in letters_of(path)), None) if shaped else None
        if family is None and not unicodedata.category(letter).startswith("Z"):
            shown += letter.encode("unicode_escape").decode("ascii")
            continue
        shown += letter
        if family and family not in families:
            families.append(family)
    return shown, tuple(families), shown == text


def named(names: Sequence[str]) -> tuple[list[str], str]:
    """Return names of classes, or their numbers where no font can write them; and a note that says which these are."""
    written = {f"#{place}": drawn(name) for place, name in enumerate(names)}
    lacking = [
        f"{number}: {shown[:MOST_LETTERS]}" for number, (shown, _families, whole) in written.items() if not whole
    ]
    note = _("No installed font can write {names}").format(names=", ".join(lacking[:MOST_NOTED])) if lacking else ""
    more = " …" if len(lacking) > MOST_NOTED else ""
    return [name if written[f"#{place}"][2] else f"#{place}" for place, name in enumerate(names)], note + more
