"""Read datasets of NumPy's arrays: an NPZ archive, or files with one array each, in one folder.

Nothing is ever unpickled.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import Rows, as_model_reads, as_shape, split_rows
from descenso.data.checks import ALL, check_finite, check_shape, in_one_axis
from descenso.data.dataset import CHUNK_BYTES, Dataset, is_mapped
from descenso.data.formats.flat import unflattened
from descenso.data.formats.npz import NewFile, check_size, explained, read_arrays, read_elements, read_header
from descenso.data.formats.parts import Chosen, choose, groups, place_of, with_test
from descenso.data.sources import Expected, Limits, Part, Request, numbered, refusals
from descenso.errors import DataError
from descenso.files import inside, open_regular
from descenso.text import _

SUFFIXES = (".npy", ".npz")
Arrays = dict[str, NDArray[Any]]
Found = tuple[dict[str, Rows], tuple[str, ...]]  # the parts, and sentences


def recognises(folder: Path) -> bool:
    """Tell whether `folder` holds arrays whose names say what they are, or arrays and no folders."""
    files = _files(folder)
    return bool(files) and (bool(groups(files)) or not any(path.is_dir() for path in folder.iterdir()))


def read(request: Request) -> Dataset:
    """Read the dataset in an NPZ file, in several files of one folder, or in a folder."""
    parts, notes = read_parts(request.path, request.limits, alone=request.test_fraction == ALL)
    data = split_rows(
        request.name, parts["train"], parts.get("test"), request.test_fraction, request.seed, parts.get("val")
    )
    return data._replace(notes=(*notes, *data.notes))


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the inputs to test on, or the only ones, of each file."""
    for path in paths:
        arrays = {path.stem: read_npy(path, limits)} if path.suffix.lower() == ".npy" else read_arrays(path, limits)
        places = {name: place_of(name) for name in arrays}
        wanted = sorted((("test", "", "val", "train").index(place.part), place.rank, name)
                        for name, place in places.items() if place.kind == "x" and not place.group)  # fmt: skip
        if not wanted and len(arrays) != 1:
            message = _("{path}: its arrays are {found}; which holds the inputs? call it x")
            raise DataError(message.format(path=path, found=_described(arrays)))
        name = wanted[0][2] if wanted else next(iter(arrays))
        inputs = as_shape(unflattened(arrays[name], expected, str(path)), expected.input_shape)
        check_shape(inputs, expected.input_shape, str(path))
        rows = as_model_reads(str(path), inputs, expected.stored)
        check_finite(rows, str(path), first=1)
        yield numbered(path, rows)


def read_raw(path: Path, limits: Limits) -> tuple[Rows, Rows | None]:
    """Read the training rows of `path`, and its test rows where it has some, as they are stored."""
    parts, _notes = read_parts(path, limits)
    return parts["train"], parts.get("test")


def read_npy(path: Path, limits: Limits, most_read: int | None = None) -> NDArray[Any]:
    """Read the array in an NPY file, memory-mapped where it is larger than `most_read`, by default 32 MB.

    Raises:
        DataError: as of `read_arrays`.
    """
    with refusals(path), open_regular(path) as file, explained(path, "NPY"):
        header, size = read_header(file, path), path.stat().st_size
        is_read = header.claimed <= (CHUNK_BYTES if most_read is None else most_read) or not header.dtype.isnative
        if is_read:
            limits.check("file_bytes", size, path)
        unread = limits if is_read else limits._replace(array_bytes=size)
        check_size(header, size == header.start + header.claimed, path, unread)
        if is_read:
            return read_elements(file, header, path)
        order = "F" if header.fortran else "C"
        return np.memmap(file, header.dtype, "r", header.start, header.shape, order)  # type: ignore[call-overload, no-any-return]


def read_parts(path: Path, limits: Limits, *, alone: bool = False, new_file: NewFile | None = None) -> Found:
    """Read the parts "train" and maybe "test" and "val", and notes; with `alone`, test rows may be "train".

    With `new_file`, large arrays of NPZ files are memory-mapped, see `npz.read_arrays`.
    """
    if path.is_dir():
        return _of_files(path, _files(path), limits, alone, new_file)
    if path.suffix.lower() == ".npy":
        return _beside(path, limits, alone, new_file)
    arrays = read_arrays(path, limits, new_file)
    found = groups(arrays)
    group = "" if "" in found or len(found) != 1 else found[0]
    chosen = choose(arrays, group)
    if not chosen.parts and len(arrays) == 1 and place_of(path.stem).kind:
        return _beside(path, limits, alone, new_file)
    if "train" not in chosen.parts and not (alone and "test" in chosen.parts):
        message = _("{path}: its arrays are {found}; expected x_train and y_train, or x and y")
        raise DataError(message.format(path=path, found=_described(arrays)))
    return _rows(path, chosen, arrays, alone)


def _beside(path: Path, limits: Limits, alone: bool, new_file: NewFile | None) -> Found:
    """Read the dataset of which `path` is one file."""
    group, folder = place_of(path.stem).group, path.parent
    files = {name: file for name, file in _files(folder).items() if place_of(name).group == group}
    return _of_files(path, files, limits, alone, new_file)


def _of_files(path: Path, files: dict[str, Path], limits: Limits, alone: bool, new_file: NewFile | None) -> Found:
    """Read a dataset whose arrays are files, by their names without the ending."""
    found = groups(files)
    if len(found) > 1 and "" not in found:
        message = _("{path}: it holds several datasets, {names}; give one of the files, such as {file}")
        first = choose(files, found[0]).parts
        file = files[next(iter(first.values())).inputs]
        raise DataError(message.format(path=path, names=", ".join(found), file=file))
    chosen = choose(files, "" if "" in found or not found else found[0])
    if "train" not in chosen.parts and not (alone and "test" in chosen.parts):
        message = _("{path}: the files with arrays are {found}; expected X.npy and y.npy beside each other, or "
                    "X_train.npy and y_train.npy, and maybe X_test.npy and y_test.npy")  # fmt: skip
        archive = next((file for file in files.values() if file.suffix.lower() == ".npz" and path.is_dir()), None)
        if archive:
            message = _(
                "{path}: the files with arrays are {found}; give the one with inputs and labels, such as {file}"
            )
        names = ", ".join(sorted(file.name for file in files.values())) or path.name
        raise DataError(message.format(path=path, found=names, file=archive))
    read = [name for pair in chosen.parts.values() for name in pair]
    return _rows(path, chosen, {name: _only(files[name], limits, new_file) for name in read}, alone)


def _only(path: Path, limits: Limits, new_file: NewFile | None) -> NDArray[Any]:
    """Read the only array of a file."""
    if path.suffix.lower() == ".npy":
        return read_npy(path, limits)
    arrays = read_arrays(path, limits, new_file)
    if len(arrays) != 1:
        message = _("{path}: its arrays are {found}, expected one, beside the other files of the dataset")
        raise DataError(message.format(path=path, found=_described(arrays)))
    return next(iter(arrays.values()))


def _rows(path: Path, chosen: Chosen, arrays: Arrays, alone: bool) -> Found:
    """Return the rows of the chosen arrays; rows to validate on are those to test on where there are no others."""
    names = {part: " and ".join(pair) for part, pair in chosen.parts.items()}
    parts, said = with_test(chosen.parts, names)
    notes = list(said)
    half = next((name for name in chosen.alone if place_of(name).part), None)
    if half:
        message = _("{path}: of {inputs} and {labels} there is one only; give both, or none")
        part = place_of(half).part
        raise DataError(message.format(path=path, inputs=f"x_{part}", labels=f"y_{part}"))
    used = [name for pair in chosen.parts.values() for name in pair]
    lengths = {len(arrays[pair.labels]) for pair in chosen.parts.values() if arrays[pair.labels].ndim}
    others = (name for name, array in arrays.items() if name not in (*used, *chosen.unused))
    unused = [*chosen.unused, *(name for name in others if arrays[name].ndim and len(arrays[name]) in lengths)]
    if unused:
        message = _("{used} are read, {unused} left out")
        notes.append(message.format(used=", ".join(used), unused=", ".join(unused)))
    made = {part: Rows(arrays[pair.inputs], in_one_axis(arrays[pair.labels])) for part, pair in parts.items()}
    if alone:
        made.pop("val", None)
        if "train" not in made:
            made["train"] = made.pop("test")
    elif "val" in made and is_mapped(made["train"].inputs):  # rows in a file cannot be put behind others
        del made["val"]
        message = _("{name}: rows to validate on, left out; --validation-size 0.1 holds training rows back instead")
        notes.append(message.format(name=names["val"]))
    return made, tuple(notes)


def _files(folder: Path) -> dict[str, Path]:
    """List the files with arrays in `folder`, by their names without the ending."""
    with refusals(folder):
        names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    visible = [name for name in names if not name.startswith(".")]
    return {Path(name).stem: inside(folder, name) for name in visible}


def _described(arrays: Arrays) -> str:
    """List arrays with shape and type, for a message."""
    listed = [f"{name} {tuple(array.shape)} {array.dtype}" for name, array in arrays.items()]
    return ", ".join(listed) or _("none")
