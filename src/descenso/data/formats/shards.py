"""Find the Parquet files that make up one dataset by their names, such as `train-00000-of-00002.parquet`."""

import re
from pathlib import Path

from descenso.data.formats.parts import PARTS
from descenso.data.sources import refusals
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _

NAME = re.compile(r"(?P<part>[a-z]+)(-(?P<number>\d{5})-of-(?P<count>\d{5})(-\w+)?)?\.parquet", re.IGNORECASE)


def files_by_part(folder: Path) -> dict[str, list[Path]]:
    """List the Parquet files in `folder` and in its folders, by the part that they hold: "train", "test" or "val"."""
    found: dict[str, list[Path]] = {}
    with refusals(folder):
        inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        folders = [path for path in inner if path.is_dir() and path.name.lower() in (*PARTS, "data")]
        paths = [path for path in inner if path.suffix.lower() == ".parquet"]
        paths += [path for one in folders for path in sorted(one.glob("*.parquet"))]
    for path in paths:
        names = path.relative_to(folder).parts
        named = NAME.fullmatch(path.name)
        words = [named["part"].lower() if named else "", *(name.lower() for name in names[:-1])]
        part = next((PARTS[word] for word in words if word in PARTS), "train")
        found.setdefault(part, []).append(inside(folder, *names))
    return found


def check_complete(files: list[Path]) -> None:
    """Refuse files of which the last part of their names says that there are more."""
    counts = {int(name["count"]) for path in files if (name := NAME.fullmatch(path.name)) and name["count"]}
    if len(counts) == 1 and len(files) < max(counts):
        message = _("{path}: by its name one of {count} files, of which {found} are here; add the others")
        raise DataError(message.format(path=files[0], count=max(counts), found=len(files)))


def is_numbered(path: Path) -> bool:
    """Tell whether the name of a file is a number, or says which part of how many it is."""
    name = NAME.fullmatch(path.name)
    return path.stem.isdecimal() or bool(name and name["count"])


def files_beside(path: Path) -> dict[str, list[Path]]:
    """List the files of the dataset that the file `path` belongs to, by part; itself alone if its name says nothing."""
    name = NAME.fullmatch(path.name)
    if name and name["part"].lower() in PARTS and path.parent.is_dir():
        files = files_by_part(path.parent)
        if any(path in some for some in files.values()):
            return files
    return {"train": [path]}
