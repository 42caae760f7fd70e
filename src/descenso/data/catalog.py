"""Load datasets by name, by folder or by file, and choose the model that suits them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.data.checks import ALL, check_and_scale, share_to_test
from descenso.data.dataset import Dataset
from descenso.data.formats import FORMATS, OPTIONS, Format, of_file, of_folder, suffixes, titles
from descenso.data.named import NAMED, load_named
from descenso.data.sources import ARCHIVES, SPREADSHEETS, Request, Sources, TooLargeError
from descenso.errors import ConfigError, DataError
from descenso.text import _, closest, reason_of, spelled

if TYPE_CHECKING:
    from descenso.data.arrays import Rows
    from descenso.data.encoding import Encoding
    from descenso.data.sources import Expected

NAMES = tuple(NAMED)
LEAST_PIXELS = 8  # least height and width of pictures for which cnn is the default
WIDEST = "cnn"  # the model that reads all settings that any other reads


def load(
    name: str,
    *,
    label: str = "",
    drop: str = "",
    test_fraction: float = 0.0,
    resize: str = "",
    seed: int = 0,
    decimal: str = "",
    encoding: str = "",
    header: str = "",
    numeric_only: bool = False,
    input_shape: str | Sequence[int] = "",
    skip_unreadable: bool = False,
    sources: Sources | None = None,
) -> Dataset:
    """Load the dataset called `name`, or the one in the folder or file of that path, whose name is then the full path.

    Args:
        name: one of `NAMES`, "mnist" being bundled; a folder of MNIST's four IDX files, gzipped or not, or one of
            them; a folder with a folder of images for each class, maybe below `train`, `val` and `test`; an NPZ file
            with `x_train`, `y_train` and maybe test rows, or NPY files; a CSV or Parquet file, or Parquet with images.
        label: the column of a table that holds the labels; by default a likely one, which `notes` names.
        drop: columns of a table to leave out, with commas between them.
        test_fraction: share of each class's rows to test on, in [0, 1), where there are no test rows; 0 for a fifth.
        resize: "HEIGHTxWIDTH" in pixels, to which all images of a folder are resized.
        seed: of the shuffle, and of which rows are tested on.
        input_shape: height, width, and maybe channels, of images in flat rows: "28x28" or (28, 28).
        decimal, encoding, header, numeric_only, skip_unreadable: see `descenso.data.sources.Request`.
        sources: where to look for named datasets, what to refuse as too large, and what to convert, see `Limits`.

    Raises: ConfigError, DataError or DiskError, for settings, files, or a cache for converted rows that cannot be used.

    >>> load("mnist").train.inputs.shape
    (60000, 28, 28)
    """
    sources, drops = sources or Sources(), tuple(filter(None, drop.split(",")))
    request = Request(name, sources.limits, label, drops, resize, test_fraction, seed, decimal, encoding, header,
                      numeric_only, skip_unreadable, input_shape)  # fmt: skip
    return _loaded(request, sources)


def _loaded(request: Request, sources: Sources) -> Dataset:
    """Read the dataset into memory, or convert it where it is too large for that."""
    try:
        return _named(request.name, check_and_scale(_read(request, sources)))
    except TooLargeError:
        if request.name in NAMED or (request.path.is_dir() and of_folder(request.path) == FORMATS["converted"]):
            raise
    from descenso.data.cache import cached
    from descenso.data.formats.converted import DamagedError

    converted, note = cached(request)
    try:
        try:
            read = _read(converted, sources)
        except DamagedError:
            read = _read(cached(request, verify=True)[0], sources)
        data = check_and_scale(read)
    except (ConfigError, DataError) as error:  # of the rows, which the user knows by another name
        raise type(error)(str(error).replace(converted.name, request.name)) from None
    return _named(request.name, data._replace(notes=(*data.notes, note)))


def _named(name: str, data: Dataset) -> Dataset:
    """Name the user's own data by its full path, which finds it from any folder, and warn of names of its classes."""
    if name in NAMED:
        return data._replace(name=name)
    from descenso.data.labels import warned

    return warned(data)._replace(name=str(Path(name).resolve()))


def rows_to_test(
    name: str,
    *,
    label: str = "",
    resize: str = "",
    encoded: "Encoding | None" = None,
    expected: "Expected | None" = None,
    how: "Mapping[str, Any] | None" = None,
    sources: Sources | None = None,
) -> Dataset:
    """Load the dataset called `name` to test on: all of its rows, unless it has test rows of its own.

    Args:
        name, label, resize, sources: as of `load`.
        encoded: how the columns of a table became the inputs of a model.
        expected: what the model reads, which images are brought to.
        how: "encoding", "decimal" and "header" of a CSV file, as of `load`.
    """
    sources = sources or Sources()
    request = Request(name, sources.limits, label, (), resize, ALL, encoded=encoded, expected=expected,
                      skip_unreadable=bool(expected and expected.skip_unreadable), **(how or {}))  # fmt: skip
    return _read(request, sources)


def raw_rows(name: str, sources: Sources | None = None) -> "tuple[Rows, Rows | None] | None":
    """Read the training rows and test rows of a file as they are stored, unchecked.

    Returns:
        None where `name` is a named dataset, or of a format that can only be loaded.
    """
    file_format = None if name in NAMES else of_file(Path(name))
    if file_format is None or not file_format.raw:
        return None
    return file_format.reader.read_raw(Path(name), (sources or Sources()).limits)


def _read(request: Request, sources: Sources) -> Dataset:
    """Read the dataset, neither checked nor scaled."""
    file_format = None if request.name in NAMES else _format(request.name, request.path)
    options = file_format.options if file_format else ()
    for option in OPTIONS:
        if getattr(request, option) and option not in options:
            message = _("{path}: --{option} is for {formats} only; leave --{option} out")
            raise ConfigError(message.format(path=request.name, option=spelled(option), formats=titles(option)))
    if "test_fraction" not in options:
        share_to_test(request.name, request.test_fraction, has_test=True)
    if file_format is None:
        return load_named(request.name, sources)
    expected = request.expected if request.expected and request.expected.flat else None
    shape = request.input_shape or (expected.input_shape if expected and "input_shape" in options else ())
    if shape:
        from descenso.data.formats.flat import shaped

        return shaped(file_format.reader.read(request._replace(numeric_only=True)), shape, expected)
    return file_format.reader.read(request) if file_format.suffixes else _of_folder(request, file_format)


def _of_folder(request: Request, file_format: Format) -> Dataset:
    """Read the dataset in a folder, and say what else is there."""
    if file_format in (FORMATS["images"], FORMATS["converted"]):  # one names what else it finds, one is by itself
        return file_format.reader.read(request)
    from descenso.data.formats import mixed

    if file_format is FORMATS["parquets"]:
        mixed.check_parquet(request.path, request.limits)
    data = file_format.reader.read(request)
    if others := mixed.beside(request.path, file_format):
        message = _("beside it, and not read: {names}; to read one of these, give its path")
        data = data._replace(notes=(*data.notes, message.format(names=", ".join(others))))
    return data


def _format(name: str, path: Path) -> Format:
    """Find the format of the folder or file `path`."""
    try:
        if path.is_dir():
            if file_format := of_folder(path):
                if file_format is FORMATS["images"]:
                    from descenso.data.formats.mixed import check_no_tables

                    check_no_tables(path)
                return file_format
            raise DataError(_("{path}: an empty folder; put images in it, a folder for each class").format(path=name))
        if path.exists():
            if file_format := of_file(path):
                return file_format
            if path.suffix.lower() in ARCHIVES:
                raise DataError(_("{path}: an archive; unpack it, and give what is in it").format(path=name))
            if path.suffix.lower() in SPREADSHEETS:
                message = _("{path}: a spreadsheet; save its sheet as CSV, and give that file")
                raise DataError(message.format(path=name))
            message = _("{path}: not a kind of data; give a folder, or a file whose name ends in {suffixes}")
            raise DataError(message.format(path=name, suffixes=suffixes()))
    except OSError as error:  # a name too long, a folder that may not be entered
        raise DataError(_("{path}: cannot be read ({reason})").format(path=name, reason=reason_of(error))) from None
    if path.name != name or of_file(path):
        raise DataError(_("{path}: there is no such file or folder").format(path=name))
    message = _("there is no dataset {name!r}{hint}; the names are {names}, or give a folder or a file")
    raise ConfigError(message.format(name=name, hint=closest(name, NAMES), names=", ".join(NAMES)))


def before_data(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings to be checked before their data is read, by which the model may still be chosen.

    Where it may, the model is the one that reads the settings of all others, so that none is refused too early.

    >>> before_data({"data": "photos", "filters": "16"})["model"], before_data({"data": "mnist"})
    ('cnn', {'data': 'mnist'})
    """
    given = {name: value for name, value in settings.items() if name != "model" or value is not None}
    is_chosen = "model" in given or given.get("data", "mnist") in NAMES
    return given if is_chosen else {"model": WIDEST, **given}


def with_model(settings: Mapping[str, Any], data: Dataset) -> tuple[dict[str, Any], Dataset]:
    """Return settings with the model that suits the data where none is given, and data with a note that says so.

    A named dataset, such as MNIST, is trained on by softmax regression, as in the tutorial. Of other data, pictures of
    at least 8×8 pixels get cnn, and all else mlp.
    """
    given = {name: value for name, value in settings.items() if name != "model" or value is not None}
    if "model" in given or data.name in NAMES:
        return given, data
    shape = data.input_shape
    if len(shape) in (2, 3) and min(shape[:2]) >= LEAST_PIXELS:
        model, reason = "cnn", _("which suits pictures")
    elif len(shape) == 1:
        model, reason = "mlp", _("which suits rows of numbers")
    else:
        model = "mlp"
        reason = _("since inputs of {shape} are no pictures, or too small for cnn").format(
            shape="×".join(map(str, shape))
        )
    note = _("No model is named, so {model} is trained, {reason}; another: --model softmax")
    note = note.format(model=model, reason=reason)
    return {**given, "model": model}, data._replace(notes=(*data.notes, note))
