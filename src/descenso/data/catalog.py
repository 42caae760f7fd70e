"""Datasets by name, by folder or by file."""

from pathlib import Path

from descenso.data.arrays import ready, split_rows
from descenso.data.dataset import Dataset, Split
from descenso.data.formats import npz
from descenso.data.formats.idx_folder import holds, read_folder
from descenso.data.formats.tables import SUFFIXES, read_table
from descenso.data.limits import Limits
from descenso.data.named import NAMED, load_named
from descenso.data.split import ALL, check_fraction, divided
from descenso.errors import ConfigError, DataError
from descenso.text import _, closest

NAMES = tuple(NAMED)


def load(
    name: str,
    limits: Limits | None = None,
    *,
    label: str = "",
    drop: str = "",
    test_fraction: float = 0.0,
    resize: str = "",
    seed: int = 0,
    data_dir: Path | None = None,
) -> Dataset:
    """The dataset called `name`, or the one in the folder or file of that path.

    Args:
        name: one of `NAMES`, "mnist" being bundled; a folder of MNIST's four IDX files, gzipped or not; a folder with a
            folder of PNG and JPEG images for each class, maybe below `train` and `test`; an NPZ file with `x_train`,
            `y_train` and maybe `x_test`, `y_test`; a CSV or Parquet file.
        limits: what to refuse as too large; by default what suits a laptop.
        label: the column of a table that holds the labels.
        drop: columns of it to leave out, with commas between them.
        test_fraction: share of each class's rows to test on, where the data has no test rows of its own.
        resize: "HEIGHTxWIDTH" to which all images of a folder are brought.
        seed: of the shuffle, and of which rows are tested on.
        data_dir: where named datasets are looked for first, each in a folder of its name.

    Raises:
        ConfigError: for a name that is none of these, and settings that do not suit the data.
        DataError: for files that are missing, damaged, too large, or do not fit together.

    >>> load("mnist").train.inputs.shape
    (60000, 28, 28)
    """
    left_out = tuple(filter(None, drop.split(",")))
    return ready(_read(name, limits or Limits(), label, test_fraction, resize, seed, data_dir, drop=left_out))


def rows_to_test(
    name: str,
    limits: Limits | None = None,
    *,
    label: str = "",
    resize: str = "",
    data_dir: Path | None = None,
    columns: tuple[str, ...] = (),
) -> Dataset:
    """The dataset called `name`, as `load` finds it, to test on: all of its rows, unless some are meant for that.

    Args:
        name, limits, label, resize, data_dir: as those of `load`.
        columns: those of a table that a model reads, in its order.
    """
    return _read(name, limits or Limits(), label, ALL, resize, 0, data_dir, columns)


def _read(
    name: str,
    limits: Limits,
    label: str,
    test_fraction: float,
    resize: str,
    seed: int,
    data_dir: Path | None,
    columns: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
) -> Dataset:
    """What `load` gives, not yet checked or scaled."""
    path = Path(name)
    kind = _kind(name, path)
    if label and kind != "table":
        raise ConfigError(_("{path}: only tables have a column of labels; leave --label out").format(path=name))
    if drop and kind != "table":
        raise ConfigError(_("{path}: only tables have columns to leave out; leave --drop out").format(path=name))
    if resize and kind != "images":
        raise ConfigError(_("{path}: only images in a folder are resized; leave --resize out").format(path=name))
    if kind == "idx" and not holds(path):
        raise DataError(_("{path}: an empty folder; put images in it, a folder for each class").format(path=name))
    if kind in ("named", "idx"):
        check_fraction(name, test_fraction, has_test=True)
    if kind == "named":
        return load_named(name, limits, data_dir)
    if kind == "idx":
        train, test = read_folder(path, limits)
        classes = int(train.labels.max(initial=-1)) + 1
        return Dataset(name, train, test, tuple(str(number) for number in range(classes)), input_scale=1 / 255)
    if kind == "images":
        from descenso.data.formats.images import images_by_class

        return images_by_class(path, limits, test_fraction, resize, seed)
    if kind == "npz":
        return split_rows(name, *npz.labelled(path, limits), test_fraction, seed)
    check_fraction(path, test_fraction, has_test=False)
    table = read_table(path, limits, label, columns, drop)
    train, test = divided(Split(table.inputs, table.labels), test_fraction, seed)
    return Dataset(name, train, test, table.class_names, input_scale=1.0, columns=table.columns)


def _kind(name: str, path: Path) -> str:
    """What `name` is: named, idx, images, npz or table."""
    if name in NAMES:
        return "named"
    try:
        if path.is_dir():
            return "images" if any(path.iterdir()) and not holds(path) else "idx"
        if path.exists():
            suffix = path.suffix.lower()
            if suffix == ".npz" or suffix in SUFFIXES:
                return "npz" if suffix == ".npz" else "table"
            raise DataError(
                _("{path}: not a kind of data; give a folder, or a file called .npz, .csv, .tsv or .parquet").format(
                    path=name
                )
            )
    except OSError as error:  # a name too long, a folder that may not be entered
        raise DataError(_("{path}: cannot be read ({reason})").format(path=name, reason=error.strerror)) from None
    if path.name != name or path.suffix.lower() in (".npz", *SUFFIXES):
        raise DataError(_("{path}: there is no such file or folder").format(path=name))
    raise ConfigError(
        _("there is no dataset {name!r}{hint}; the names are {names}, or give a folder or a file").format(
            name=name, hint=closest(name, NAMES), names=", ".join(NAMES)
        )
    )
