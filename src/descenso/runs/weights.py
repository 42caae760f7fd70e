"""The final weights as a file: safetensors, whose header is looked at before the rest is believed."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _

MOST_BYTES = 2**31
MOST_HEADER_BYTES = 2**20  # some ten thousand arrays; reading a header takes many times its size in memory
DAMAGE = (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, MemoryError)  # of a dtype, too


def weights_bytes(arrays: dict[str, NDArray[np.generic]], about: dict[str, str]) -> bytes:
    """Serialise arrays and metadata as safetensors; equal contents give equal bytes.

    The library writes metadata in a random order, so the header, a length and JSON, is written anew with sorted keys.
    """
    raw = save(arrays, about)
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.dumps(json.loads(raw[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the data is aligned to 8 bytes
    return len(header).to_bytes(8, "little") + header + raw[end:]


def read_weights(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """The arrays in `path` by name, and what the file says of itself.

    Raises:
        DataError: where it is damaged, or not a regular file.
    """
    try:
        with open_regular(path, MOST_BYTES) as raw:
            header_bytes = int.from_bytes(raw.read(8), "little")
        if header_bytes > MOST_HEADER_BYTES:
            raise ValueError(_("more than {most} bytes").format(most=MOST_HEADER_BYTES))
        with safe_open(str(path), framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except DAMAGE as error:
        raise DataError(_("{path}: damaged weights ({reason})").format(path=path, reason=error)) from None
