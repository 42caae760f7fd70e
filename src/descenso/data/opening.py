"""Open data files within the limits, with every refusal as a `DataError` that names the file."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from descenso.data.limits import Limits
from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the system refuses, and a lack of memory, into a `DataError` that names `path`."""
    try:
        yield
    except MemoryError:
        raise DataError(_("{path}: it holds more than there is memory for").format(path=path)) from None
    except OSError as error:
        raise DataError(
            _("{path}: cannot be read ({reason})").format(path=path, reason=error.strerror or error)
        ) from None


@contextlib.contextmanager
def opened(path: Path, limits: Limits) -> Iterator[BinaryIO]:
    """Open the regular file `path` to read it.

    Raises:
        DataError: if it cannot be read, is not a regular file, or is larger than the limits.
    """
    with refusals(path), open_regular(path) as file:
        limits.check("file_bytes", os.fstat(file.fileno()).st_size, path)
        yield file
