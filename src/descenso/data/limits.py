"""Where data is read from, the sizes that readers refuse, and opening files within them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from descenso.errors import ConfigError, DataError
from descenso.files import open_regular
from descenso.text import _, closest


class Limits(NamedTuple):
    """The largest sizes that a reader accepts, of one file; the defaults suit a laptop, `--limit NAME=N` raises them.

    Attributes:
        file_bytes: size on the disk.
        array_bytes: size of the elements, unpacked.
        rows: number of rows.
        pixels: of one image.
        columns: of a table.
    """

    file_bytes: int = 2**30
    array_bytes: int = 2**31
    rows: int = 10**8
    pixels: int = 2**24
    columns: int = 2**12

    @classmethod
    def of(cls, words: list[str]) -> "Limits":
        """Parse words such as "rows=1000".

        Raises:
            ConfigError: for an unknown name, or a value that is not a positive whole number.

        >>> Limits.of(["rows=1000"]).rows
        1000
        """
        raised = {}
        for word in words:
            name, _sign, value = word.partition("=")
            if name not in cls._fields or not value.isdecimal() or not int(value):
                raise ConfigError(
                    _("a limit must be NAME=N, NAME one of {names}, got {word!r}{hint}; try --limit rows=1000").format(
                        names=", ".join(cls._fields), word=word, hint=closest(name, cls._fields)
                    )
                )
            raised[name] = int(value)
        return cls(**raised)

    def check(self, name: str, value: int, path: Path) -> None:
        """Refuse `path` where its `value` is beyond the limit called `name`.

        Raises:
            DataError: naming limit and flag.
        """
        limit = getattr(self, name)
        if value > limit:
            raise DataError(
                _("{path}: {name} would be {value}, the limit is {limit}; try --limit {name}={value}").format(
                    path=path, name=name, value=value, limit=limit
                )
            )


class Sources(NamedTuple):
    """Where data is read from, and within which limits.

    Attributes:
        limits: what to refuse as too large.
        data_dir: where named datasets are looked for first, each in a folder of its name.
    """

    limits: Limits = Limits()
    data_dir: Path | None = None

    @classmethod
    def of(cls, limits: list[str] | None, data_dir: Path | None = None) -> "Sources":
        """Parse the limits as `Limits.of` does."""
        return cls(Limits.of(limits or []), data_dir)


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
