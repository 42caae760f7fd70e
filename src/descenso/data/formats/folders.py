"""Find the images in a folder: its parts, its classes, and what does not belong there."""

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn
from unicodedata import normalize

from descenso.data.arrays import in_order
from descenso.data.formats.image_files import SUFFIXES
from descenso.data.sources import ARCHIVES, Limits, refusals
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _, option

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = {"train": TRAIN, "training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
         "test": TEST, "testing": TEST}  # fmt: skip
LEFT_BEHIND = re.compile(  # by operating systems, file managers, network drives and office programs; and hidden files
    r"\..*|thumbs\.db(:.*)?|ehthumbs(_vista)?\.db|desktop\.ini|icon\r|__macosx|__pycache__|picasa\.ini|"
    r"\$recycle\.bin|recycler|system volume information|lost\+found|found\.\d{3}|network trash folder|temporary items|"
    r"desktop d[bf]|thevolumesettingsfolder|@eadir|@tmp|@recycle|@recently-snapshot|[#]recycle|[#]snapshot|"
    r"~\$.*|.*:zone\.identifier|zbthumbnail\.info|pspbrwse\.jbf|_vti_cnf|.*\.lnk",
    re.IGNORECASE | re.DOTALL,
)
NUMBERED = re.compile(r"(.+?)[-._ ]*\(?[0-9]+\)?[.]\w+", re.DOTALL)  # class.12.png, class_12.png, class (12).png
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".json")
MOST_NAMED = 10  # in one message
MOST_DEPTH = 4  # folders to look below for classes that lie deeper


class Found(NamedTuple):
    """What is in a folder of images.

    Attributes:
        parts: TRAIN, and VALIDATION and TEST where there are such folders: the image files of each class by its name.
        notes: sentences on what was left out.
        beside: files and folders that are neither images nor folders of images.
    """

    parts: dict[str, dict[str, list[Path]]]
    notes: tuple[str, ...]
    beside: tuple[Path, ...]


def find(folder: Path, limits: Limits) -> Found:
    """Find the images of each class, in `train`, `val` and `test` where there are such folders.

    Raises:
        DataError: for a folder in which the images do not lie in a folder for each class, and what to do.
    """
    listing = _Listing(folder, limits)
    inner = _parts(folder, listing) or {TRAIN: folder}
    for part, path in inner.items():
        listing.classes_of(part, *path.relative_to(folder).parts)
    if not any(files for classes in listing.parts.values() for files in classes.values()):
        _refuse_empty(folder, listing)
    for part, classes in listing.parts.items():
        for name in [name for name, files in classes.items() if not files]:
            del classes[name]
            listing.empty.append(name if part == TRAIN else f"{inner[part].name}/{name}")
    if len(listing.parts[TRAIN]) < 2:
        _refuse_one_class(inner[TRAIN], listing)
    return Found(listing.parts, listing.notes(), tuple(listing.beside))


def pictures_below(folder: Path, limits: Limits) -> tuple[list[Path], tuple[str, ...]]:
    """List the files in `folder` and in the folders in it, sorted, without what systems leave; and say how many."""
    listing = _Listing(folder, limits)
    files: list[Path] = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        within = waiting.pop(0)
        for path in listing.visible(*within):
            if path.is_dir() and len(within) < MOST_DEPTH:
                waiting.append((*within, path.name))
            else:
                files.append(listing.counted(path))
    if not files:
        raise DataError(_("{path}: no images in it").format(path=folder))
    return sorted(files), listing.notes()


class _Listing:
    """Lists folders below `root`, and notes what is left out."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.root, self.limits, self.count = root, limits, 0
        self.parts: dict[str, dict[str, list[Path]]] = {}
        self.left: list[str] = []
        self.empty: list[str] = []
        self.beside: list[Path] = []

    def visible(self, *within: str) -> list[Path]:
        """List the folder `within` the root, sorted, without what systems leave."""
        path = inside(self.root, *within)
        with refusals(path):
            entries = sorted(path.iterdir())
        self.left += [entry.name for entry in entries if LEFT_BEHIND.fullmatch(entry.name)]
        return [entry for entry in entries if not LEFT_BEHIND.fullmatch(entry.name)]

    def counted(self, path: Path) -> Path:
        """Count a file against the limit."""
        self.count += 1
        self.limits.check("rows", self.count, self.root)
        return path

    def classes_of(self, part: str, *within: str) -> None:
        """List the files of each class below a folder."""
        entries = self.visible(*within)
        folders = [entry.name for entry in entries if entry.is_dir()]
        composed = {normalize("NFC", name): name for name in folders}  # as other systems write the same name
        names = composed if len(composed) == len(folders) else {name: name for name in folders}
        files = [entry for entry in entries if not entry.is_dir()]
        if not folders and any(map(is_image, files)):
            _refuse_flat(self.root.joinpath(*within), files)
        tables = [file for file in files if file.suffix.lower() in TABLES]
        if tables and len(folders) < 2:
            _refuse_table(self.root, tables[0])
        self.beside += files
        by_class = {name: self.visible(*within, names[name]) for name in in_order(self.root, names)}
        if any(by_class.values()) and all(entry.is_dir() for inner in by_class.values() for entry in inner):
            _refuse_deeper(self.root.joinpath(*within), folders, self)
        self.parts[part] = {name: list(map(self.counted, inner)) for name, inner in by_class.items()}

    def notes(self) -> tuple[str, ...]:
        """Say what was left out."""
        notes = []
        if self.left:
            names = ", ".join(map(repr, sorted(set(self.left))[:MOST_NAMED]))
            message = _("hidden files, and those that systems leave behind, are left out: {count} ({names})")
            notes.append(message.format(count=len(self.left), names=names))
        if self.empty:
            message = _("folders without images, which are not used as classes: {names}")
            notes.append(message.format(names=", ".join(self.empty[:MOST_NAMED])))
        return tuple(notes)


def is_image(path: Path) -> bool:
    """Tell whether the name of a file is that of an image."""
    return path.suffix.lower() in SUFFIXES


def _parts(folder: Path, listing: _Listing) -> dict[str, Path]:
    """Return the folders of training, validation and test rows, where all folders are such and hold folders.

    Raises:
        DataError: for two folders of one part, and for parts without training rows.
    """
    entries = listing.visible()
    folders = [entry for entry in entries if entry.is_dir()]
    named = [path for path in folders if path.name.lower() in PARTS]
    divided = any(entry.is_dir() for path in named for entry in listing.visible(path.name))
    listing.left.clear()
    if not divided and (not named or len(named) < len(folders)):  # a class may be called "train"
        return {}
    found: dict[str, Path] = {}
    for path in named:
        part = PARTS[path.name.lower()]
        if part in found:
            message = _("{path}: {one} and {other} mean the same; make one folder of them")
            raise DataError(message.format(path=folder, one=found[part].name, other=path.name))
        found[part] = path
    if TRAIN not in found:
        message = _("{path}: it holds {found}, and no training rows; add {path}/train, or give {path}/{first}")
        names = ", ".join(path.name for path in found.values())
        raise DataError(message.format(path=folder, found=names, first=next(iter(found.values())).name))
    listing.left += [entry.name for entry in folder.iterdir() if LEFT_BEHIND.fullmatch(entry.name)]
    listing.beside += [entry for entry in entries if entry not in named]
    return {part: found[part] for part in (TRAIN, VALIDATION, TEST) if part in found}


def _refuse_deeper(folder: Path, names: Sequence[str], listing: _Listing) -> NoReturn:
    """Refuse a folder whose classes lie deeper, and say which path to give."""
    deeper = [folder / name for name in names]
    for _level in range(MOST_DEPTH):
        inner = [[entry for entry in listing.visible(*path.relative_to(listing.root).parts) if entry.is_dir()]
                 for path in deeper]  # fmt: skip
        holding = [path for path, entries in zip(deeper, inner, strict=True) if len(entries) > 1]
        if holding:
            message = _("{path}: the folders of classes lie deeper; give {given}")
            given = _(" or ").join(str(path) for path in holding[:MOST_NAMED])
            raise DataError(message.format(path=folder, given=given))
        deeper = [entry for entries in inner for entry in entries][:MOST_NAMED]
    raise DataError(_("{path}: no images in it; put those of each class into a folder named after the class"
                      ).format(path=folder))  # fmt: skip


def _refuse_flat(folder: Path, files: Sequence[Path]) -> NoReturn:
    """Refuse images without folders of classes; where their names hold the classes, say how to sort them."""
    tables = [file for file in files if file.suffix.lower() in TABLES]
    if tables:
        _refuse_table(folder, tables[0])
    trains = [path for path in folder.parent.iterdir() if PARTS.get(path.name.lower()) == TRAIN]
    if trains and PARTS.get(folder.name.lower()) in (VALIDATION, TEST):
        message = _("{path}: images that are not in folders, so that their classes are unknown; give {train}")
        raise DataError(message.format(path=folder, train=trains[0]))
    matches = [NUMBERED.fullmatch(file.name) for file in files if is_image(file)]
    classes = sorted({match[1] for match in matches if match})
    if not all(matches) or not 2 <= len(classes) <= len(matches) // 2:
        message = _("{path}: images that are not in folders; put them into one folder for each class, named after it")
        raise DataError(message.format(path=folder))
    raise DataError(_("{path}: images that are not in folders; there must be one folder for each class. Their names "
                      "look like CLASS.NUMBER, of {classes}; to sort them: {line}; then give {given}").format(
        path=folder, classes=", ".join(classes[:MOST_NAMED]), line=_sorting(folder), given=f"{folder}-by-class"
    ))  # fmt: skip


def _sorting(folder: Path) -> str:
    """Write the line for a shell that copies images called CLASS.NUMBER into a folder for each class."""
    into = f"os.path.join({f'{folder}-by-class'!r}, re.split('[-._ ]*[(]?[0-9]+[)]?[.]', f.name)[0])"
    code = f"shutil.copy(f.path, os.makedirs(d := {into}, exist_ok=True) or d) for f in os.scandir({str(folder)!r})"
    code = f"import os, re, shutil; [{code}]"
    return f"python -c {shlex.quote(code)}" if '"' in code else f'python -c "{code}"'


def _refuse_table(folder: Path, table: Path) -> NoReturn:
    """Refuse a table of labels beside images."""
    message = _("{path}: a table beside the images, {table}; labels are not read from tables, but are the names of "
                "folders: put the images of each class into a folder named after the class")  # fmt: skip
    raise DataError(message.format(path=folder, table=table.name))


def _refuse_empty(folder: Path, listing: _Listing) -> NoReturn:
    packed = [path.name for path in listing.beside if path.suffix.lower() in ARCHIVES]
    if packed:
        raise DataError(_("{path}: an archive; unpack it").format(path=folder / packed[0]))
    message = _("{path}: no images in it; put those of each class into a folder named after the class")
    raise DataError(message.format(path=folder))


def _refuse_one_class(folder: Path, listing: _Listing) -> NoReturn:
    names = ", ".join(listing.parts[TRAIN])
    message = _("{path}: one class only, {name}; give a folder for each of at least two")
    if listing.empty:
        message = _("{path}: one class only, {name}, since there are no images of {empty}; give some of at least two")
    raise DataError(message.format(path=folder, name=names, empty=", ".join(listing.empty[:MOST_NAMED])))


class Inspection:
    """Notes files that cannot be used: all are named at once, or left out where that is wanted.

    Args:
        folder: that holds them, for the messages.
        skip: whether to go on without them.
    """

    def __init__(self, folder: object, skip: bool) -> None:
        self.folder, self.skip = folder, skip
        self.refused: list[tuple[Path, str]] = []
        self.framed: list[Path] = []

    def refuse(self, path: Path, error: DataError) -> None:
        """Note a file, and why it is refused."""
        self.refused.append((path, str(error).removeprefix(f"{path}: ")))

    def beside(self, paths: Iterable[Path]) -> None:
        """Note what lies beside the folders of images."""
        for path in paths:
            kind = _("an archive; unpack it") if path.suffix.lower() in ARCHIVES else _("beside the folders of images")
            self.refused.append((path, kind))

    def settle(self, used: int) -> tuple[str, ...]:
        """Say what was left out, and which files hold more than was read, where `used` files are left.

        Raises:
            DataError: naming the files that cannot be used, unless they may be left out and others are left.
        """
        if refusal := self.refusal(used):
            raise DataError(refusal)
        notes = [_("left out: {files}").format(files=self._listed())] if self.refused else []
        if self.framed:
            message = _("images of which the first frame or page was read, and no other: {count}, such as {name}")
            notes.append(message.format(count=len(self.framed), name=self.framed[0].name))
        return tuple(notes)

    def refusal(self, used: int) -> str:
        """Name the files that cannot be used, and what is to be done; empty where `used` files suffice without them."""
        if not self.refused or (self.skip and used):
            return ""
        mend = "" if not used else _("; to go on without: {option}").format(option=option("skip_unreadable"))
        path, reason = self.refused[0]
        return f"{path}: {reason}{mend}" if len(self.refused) == 1 else f"{self.folder}: {self._listed()}{mend}"

    def _listed(self) -> str:
        named = (f"{_within(self.folder, path)}: {reason}" for path, reason in self.refused[:MOST_NAMED])
        more = len(self.refused) - MOST_NAMED
        listed = "; ".join([*named, _("and {more} more").format(more=more)] if more > 0 else named)
        if len(self.refused) == 1:
            return listed
        return _("files that cannot be used: {count} ({listed})").format(count=len(self.refused), listed=listed)


def _within(folder: object, path: Path) -> str:
    """Return the path below the folder."""
    try:
        return str(path.relative_to(str(folder)))
    except ValueError:
        return str(path)
