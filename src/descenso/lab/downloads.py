"""What a page can download of the current run: its pictures, and its directory as one file."""

import io
import zipfile
from pathlib import Path

PICTURES = ("loss.png", "templates.png", "confusion.png", "mistakes.png")
MOST_BYTES = 500_000_000  # of a run's files together


def picture(run: Path, name: str) -> bytes:
    """Return a picture of a run.

    Args:
        run: its directory.
        name: one of `PICTURES`.

    Raises:
        OSError: if there is no such picture.
    """
    return (run / "plots" / name).read_bytes()


def pictures_of(run: Path | None) -> list[str]:
    """Return the names of the pictures that a run has."""
    return [name for name in PICTURES if run is not None and (run / "plots" / name).is_file()]


def zipped(run: Path, name: str = "run.zip") -> bytes:
    """Return the directory of a run as a ZIP archive. Links are left out: they may lead anywhere.

    Raises:
        OSError: if a file cannot be read, or they have more than `MOST_BYTES` together.
    """
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and not path.is_symlink()]
    files = [path for path in files if path.resolve().is_relative_to(run.resolve())]
    if sum(path.stat().st_size for path in files) > MOST_BYTES:
        raise OSError(name)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for path in files:
            archive.write(path, Path(run.name) / path.relative_to(run))
    return content.getvalue()
