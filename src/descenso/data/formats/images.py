"""Read images, PNG and JPEG: a dataset from a folder for each class, or one by one to predict on."""

import contextlib
import math
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from descenso.data.arrays import as_model_reads, in_order, random_of, stratified
from descenso.data.checks import share_to_test
from descenso.data.dataset import Dataset, Scaling, Split
from descenso.data.digits import as_mnist
from descenso.data.sources import Expected, Limits, Part, Request, note, opened, refusals
from descenso.errors import ConfigError, DataError
from descenso.files import inside
from descenso.text import _

SPLITS = ("train", "test")
AT_ONCE = 2**20  # pixels of images of one size that are prepared as digits together
NEARLY_GREY = 16  # difference between the channels of a pixel, up to which it is grey
GREY = ("1", "L", "LA")  # Pillow's modes of images without colour, but for those of 16 bits


def recognises(folder: Path) -> bool:
    """Tell whether `folder` holds anything: any folder without IDX files is read as one of images."""
    return any(folder.iterdir())


def read(request: Request) -> Dataset:
    """Read the images below a folder, where each class has a folder of its name.

    Above the classes there may be `train` and `test`; else some images are drawn to test on. Grey images are
    (height, width), those with colours or a palette (height, width, 3); what is transparent shows white. All must
    agree in that and in size, unless `resize` brings them to one size, and to colour if any has colour. Rows are
    shuffled by the seed. Hidden files are left out; any other file that is no image is refused.

    Raises:
        ConfigError: for a size that is not HEIGHTxWIDTH, or a test fraction that does not suit the folder.
        DataError: naming the first file that is refused.
    """
    folder, limits, seed = request.path, request.limits, request.seed
    size = parse_size(request.resize) if request.resize else None
    inner = [name for name in SPLITS if (folder / name).is_dir()]
    if len(inner) == 1:
        _refuse_half(folder, inner[0])
    fraction, notes = share_to_test(folder, request.test_fraction, has_test=len(inner) == 2)
    if len(inner) == 2:
        refuse_files(folder, SPLITS)
        train, test = (_listed(folder / name, folder, limits) for name in SPLITS)
        _check_classes(folder, train, test)
        parts = [_numbered(files, list(train)) for files in (train, test)]
        orders = [random_of(seed).permutation(len(labels)) for _files, labels in parts]
    else:
        train = _listed(folder, folder, limits, least=2)
        parts = [_numbered(train, list(train))] * 2
        orders = list(stratified(parts[0][1], fraction, seed))
    files = [[paths[row] for row in order] for (paths, _labels), order in zip(parts, orders, strict=True)]
    inputs = _read_all(files[0] + files[1], size, limits)
    divided = (inputs[: len(files[0])], inputs[len(files[0]) :])
    splits = [Split(rows, labels[order]) for rows, (_f, labels), order in zip(divided, parts, orders, strict=True)]
    return Dataset(str(folder), splits[0], splits[1], tuple(train), Scaling(scale=1 / 255), notes=notes)


def _check_classes(folder: Path, train: Collection[str], test: Collection[str]) -> None:
    """Refuse a class that has images to test on, and none to learn from."""
    unseen = sorted(set(test) - set(train))
    if unseen:
        message = _("{path}: no class of the training rows is called so; the classes are {names}")
        raise DataError(message.format(path=folder / "test" / unseen[0], names=", ".join(train)))


def parse_size(resize: str) -> tuple[int, int]:
    """Parse "HEIGHTxWIDTH" into height and width, in pixels.

    Raises:
        ConfigError: for anything else.

    >>> parse_size("28x20")
    (28, 20)
    """
    height, _x, width = str(resize).partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        message = _("resize must be HEIGHTxWIDTH in pixels, got {got!r}; try --resize 28x28")
        raise ConfigError(message.format(got=resize))
    return int(height), int(width)


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read each image as one row; digits of one size that follow each other are prepared together, which is faster."""
    converted: list[Path] = []
    images = ((path, _pixels(path, expected, limits, converted)) for path in paths)
    for shape, alike in groupby(images, key=lambda image: image[1].shape):
        most = max(1, AT_ONCE // math.prod(shape))
        while some := list(islice(alike, most)):
            files, pixels = zip(*some, strict=True)
            rows = as_model_reads(str(files[0]), np.stack(pixels), expected.stored)
            yield files[-1], as_mnist(rows, files) if expected.like_mnist else rows, list(map(str, files))
    if converted:
        message = _("pictures in colour are read in grey, as the model learned from them: {count}")
        if expected.input_shape[2:] == (3,):
            message = _("pictures in grey, though the model learned from pictures in colour: {count}")
        note(converted[0], message.format(count=len(converted)))


def _pixels(path: Path, expected: Expected, limits: Limits, converted: list[Path]) -> NDArray[np.generic]:
    """Read one image, in grey or colour as the model reads; in its own size where it is to be prepared as a digit.

    Its path is added to `converted` where the model did not learn from such pictures; a photo of a digit may be in any
    colour.
    """
    shape = expected.input_shape
    opened = open_image(path, limits)
    image = in_mode(opened, "RGB" if shape[2:] == (3,) else "L")
    if expected.like_mnist:
        return np.asarray(image)
    if opened.mode == "L" if shape[2:] == (3,) else _is_coloured(opened):
        converted.append(path)
    return np.asarray(image.resize((shape[1], shape[0]))).reshape(shape)


def _is_coloured(image: Image.Image) -> bool:
    """Tell whether the channels of an image differ; many grey ones are stored in three."""
    return image.mode == "RGB" and int(np.ptp(np.asarray(image).astype(np.int16), axis=2).max()) > NEARLY_GREY


def _listed(folder: Path, root: Path, limits: Limits, least: int = 1) -> dict[str, list[Path]]:
    """List the image files of each class by its name, both sorted; refuse fewer than `least` classes."""
    refuse_files(folder)
    by_class = {}
    count = 0
    for name in in_order(folder, (path.name for path in _visible(folder))):
        files = []
        within = (*folder.relative_to(root).parts, name)
        for path in _visible(inside(root, *within)):
            count += 1
            limits.check("rows", count, folder)
            files.append(inside(root, *within, path.name))
        by_class[name] = sorted(files)
    if not count:
        message = _("{path}: no images in it; put those of each class into a folder that is called as the class is")
        raise DataError(message.format(path=folder))
    if len(by_class) < least:
        raise DataError(_("{path}: one class only; give a folder for each of at least two").format(path=folder))
    return by_class


def refuse_files(folder: Path, names: Sequence[str] = ()) -> None:
    """Refuse anything in `folder` but folders, of these `names` if any are given."""
    for path in _visible(folder):
        if not path.is_dir() or (names and path.name not in names):
            message = _("{path}: beside the folders of images; move it elsewhere, or hide it: .{name}")
            raise DataError(message.format(path=path, name=path.name))


def _refuse_half(folder: Path, name: str) -> None:
    """Refuse a folder `train` or `test` alone with folders in it: half of a dataset, and no class."""
    if [path.name for path in _visible(folder)] == [name] and any(map(Path.is_dir, _visible(folder / name))):
        missing = next(other for other in SPLITS if other != name)
        message = _("{path}: it holds {found} only; add {missing}, or give {path}/{found} and a --test-fraction")
        raise DataError(message.format(path=folder, found=name, missing=missing))


def _visible(folder: Path) -> Iterator[Path]:
    with refusals(folder):
        yield from (path for path in folder.iterdir() if not path.name.startswith("."))


def _numbered(files: dict[str, list[Path]], names: list[str]) -> tuple[list[Path], NDArray[np.int32]]:
    labels = [names.index(name) for name, paths in files.items() for _path in paths]
    return [path for paths in files.values() for path in paths], np.array(labels, np.int32)


def _read_all(files: list[Path], size: tuple[int, int] | None, limits: Limits) -> NDArray[np.uint8]:
    """Read the images into one array, whose shape the first one decides."""
    inputs = np.zeros((0, 0, 0), np.uint8)
    for row, path in enumerate(files):
        image = open_image(path, limits)
        if size:
            image = image.resize(size[::-1])
            if row and image.mode == "L" and inputs.ndim == 4:
                image = image.convert("RGB")
        pixels = np.asarray(image)
        if not row or (size and pixels.ndim > inputs.ndim - 1):
            limits.check("array_bytes", len(files) * pixels.size, path)
            fresh = np.empty((len(files), *pixels.shape), np.uint8)
            fresh[:row] = inputs[:row, ..., None] if row else fresh[:row]
            inputs = fresh
        if pixels.shape != inputs.shape[1:]:
            message = _("{path}: {got}, but {other}: {expected}; give --resize HEIGHTxWIDTH to bring all to one size")
            raise DataError(
                message.format(path=path, got=_kind(pixels.shape), other=files[0], expected=_kind(inputs.shape[1:]))
            )
        inputs[row] = pixels
    return inputs


def _kind(shape: tuple[int, ...]) -> str:
    text = _("{height}×{width} pixels in grey") if len(shape) == 2 else _("{height}×{width} pixels in colour")
    return text.format(height=shape[0], width=shape[1])


def open_image(path: Path, limits: Limits) -> Image.Image:
    """Open the image in `path`, upright, as "L" or "RGB", transparent parts white.

    Raises:
        DataError: if it is neither PNG nor JPEG, is damaged, or has more pixels than the limits allow; they are
            counted before any is unpacked.
    """
    with opened(path, limits) as file:
        return decoded(file, path, limits)


def decoded(file: BinaryIO, path: Path, limits: Limits) -> Image.Image:
    """Open the image in the open file `file`, which errors call `path`, as `open_image` does."""
    with refusals(path), _explained(path), Image.open(file, formats=("PNG", "JPEG")) as image:
        limits.check("pixels", image.width * image.height, path)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        upright: Image.Image = image
        if upright.mode.startswith("I"):  # 16 bits: Pillow would cut them off at 255
            return Image.fromarray((np.asarray(upright).astype(np.int64).clip(0, 2**16 - 1) >> 8).astype(np.uint8))
        final = "L" if upright.mode in GREY else "RGB"
        if upright.has_transparency_data:
            over = upright.convert("RGBA")
            white = Image.new("RGBA", over.size, "white")
            upright = Image.alpha_composite(white, over)
        return in_mode(upright, final)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert `image` to `mode`, without the copy that Pillow makes where it has it already."""
    return image if image.mode == mode else image.convert(mode)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn every error of Pillow's into a `DataError` that names `path`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (DataError, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        message = _("{path}: more pixels than {most}, which no image of a dataset has")
        raise DataError(message.format(path=path, most=Image.MAX_IMAGE_PIXELS)) from None
    except UnidentifiedImageError:
        raise DataError(_("{path}: neither a PNG nor a JPEG image").format(path=path)) from None
    except Exception as error:  # all: no plugin says what it raises; IndexError, SyntaxError, … were seen
        reason = str(error) or type(error).__name__
        raise DataError(_("{path}: a damaged image ({reason})").format(path=path, reason=reason)) from error
