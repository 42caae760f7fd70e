import os
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from descenso.data.catalog import load
from descenso.data.formats.image_files import read_pixels
from descenso.data.sources import Limits, Sources
from descenso.errors import ConfigError, DataError
from idx_files import beyond

HALF = {"test_fraction": 0.5}


def refused(path, told):
    return pytest.raises(DataError, match=f"^{re.escape(f'{path}{told}')}")


def shade(value, shape=(6, 5)):
    return Image.fromarray(np.full(shape, value, np.uint8))


def write(folder, images):
    """Write images to their paths below `folder`; bytes are written unchanged."""
    for name, image in images.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            image.save(path)
    return folder


@pytest.fixture
def folder(tmp_path):
    """A folder of the classes 9, 10 and cat, with 4, 6 and 8 images of 6×5, each of another shade."""
    shades = iter(range(40, 140))
    return write(tmp_path / "shades", {f"{name}/{number}.png": shade(next(shades)) for name, count in
                                       (("9", 4), ("10", 6), ("cat", 8)) for number in range(count)})  # fmt: skip


def names_of(data, split):
    return [data.class_names[label] for label in split.labels]


def test_a_folder_for_each_class(folder):
    data = load(str(folder), **HALF, seed=1)
    assert data.name == str(folder)
    assert data.class_names == ("10", "9", "cat")
    assert (data.input_shape, data.train.inputs.dtype, data.scaling.scale) == ((6, 5), np.uint8, 1 / 255)
    assert (np.bincount(data.train.labels).tolist(), np.bincount(data.test.labels).tolist()) == ([3, 2, 4], [3, 2, 4])
    seen = {}
    for split in (data.train, data.test):
        for image, name in zip(split.inputs, names_of(data, split), strict=True):
            assert image.min() == image.max()
            seen[int(image[0, 0])] = name
    assert seen == {40 + value: "9" if value < 4 else "10" if value < 10 else "cat" for value in range(18)}
    again, other = load(str(folder), **HALF, seed=1), load(str(folder), **HALF, seed=2)
    np.testing.assert_array_equal(again.train.inputs, data.train.inputs)
    assert other.train.inputs[:, 0, 0].tolist() != data.train.inputs[:, 0, 0].tolist()
    assert data.train.labels.tolist() != sorted(data.train.labels)


def test_numbers_as_classes_are_sorted_by_value(tmp_path):
    write(tmp_path, {f"{name}/{number}.png": shade(0) for name in ("10", "9", "0") for number in range(2)})
    assert load(str(tmp_path), **HALF).class_names == ("0", "9", "10")


def test_train_and_test_above_the_classes(tmp_path):
    images = {f"train/{name}/{n}.png": shade(n) for name in "ab" for n in range(20)}
    write(tmp_path, images | {"test/b/x.png": shade(77)})
    data = load(str(tmp_path), seed=1)
    assert data.class_names == ("a", "b")
    assert (data.test.inputs[:, 0, 0].tolist(), data.test.labels.tolist()) == ([77], [1])
    assert np.bincount(data.train.labels).tolist() == [20, 20]
    assert set(data.train.labels[:10].tolist()) == {0, 1}
    with pytest.raises(ConfigError, match=r": it has test rows of its own; leave --test-fraction out$"):
        load(str(tmp_path), **HALF)
    write(tmp_path, {"test/c/x.png": shade(0)})
    with refused(tmp_path / "test" / "c", ": no class of the training rows has this name; the classes are a, b"):
        load(str(tmp_path))


def test_rows_to_test_on_must_come_from_somewhere(folder):
    data = load(str(folder))
    assert len(data.test.labels) >= 1
    assert [note[:40] for note in data.notes] == ["a fifth of the rows is kept to test on, "]


def colours(mode, shape=(6, 5)):
    image = Image.new("RGBA", shape[::-1], (200, 100, 50, 255))
    return image.convert("RGB").quantize(4) if mode == "P" else image.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "CMYK"])
def test_modes_become_grey_or_colour(mode, tmp_path):
    image = colours(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path)
    found = read_pixels(path, Limits()).values
    assert found.dtype == np.uint8
    if mode in ("1", "L", "LA"):
        assert found.shape == (6, 5)
        expected = {"1": found}.get(mode, np.asarray(colours("L")))
    else:
        assert found.shape == (6, 5, 3)
        expected = [200, 100, 50]
    assert np.abs(found.astype(int) - expected).max() <= (3 if mode == "CMYK" else 0)


def test_what_is_transparent_shows_white(tmp_path):
    write(tmp_path, {"a.png": Image.new("RGBA", (5, 6), (0, 0, 0, 0)), "b.png": Image.new("LA", (5, 6), (0, 128))})
    assert read_pixels(tmp_path / "a.png", Limits()).values.min() == 255
    half = read_pixels(tmp_path / "b.png", Limits()).values
    assert (half.shape, half.min(), half.max()) == ((6, 5), 127, 127)
    palette = Image.new("P", (5, 6), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "p.png", transparency=1)
    assert read_pixels(tmp_path / "p.png", Limits()).values.min() == 255


@pytest.mark.parametrize("kind", ["jpg", "webp", "tif", "png"])
def test_photographs_stand_upright(kind, tmp_path):
    image = Image.new("RGB", (50, 60), "white")
    image.paste("black", (0, 0, 50, 20))  # the upper third
    exif = image.getexif()
    exif[0x0112] = 6  # stored rotated by 90 degrees
    image.save(tmp_path / f"a.{kind}", exif=exif)
    values = read_pixels(tmp_path / f"a.{kind}", Limits()).values
    assert values.shape == (50, 60, 3)
    assert values[:, :30].mean() > 200 > 50 > values[:, 45:].mean(), "black on the right"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic", "a HEIC photo, as phones take; save it as PNG or JPEG"),
        ("a.jpg", b"\0\0\0\x18ftypmif1", "a HEIC photo, as phones take"),
        ("a.avif", b"\0\0\0\x18ftypavif", "an AVIF image"),
        ("a.mp4", b"\0\0\0\x18ftypisom", "a film"),
        ("a.pdf", b"%PDF-1.7", "a PDF document"),
        ("a.svg", b'<?xml version="1.0"?>\n<svg width="9">', "an SVG drawing"),
        ("a.png", b"\xef\xbb\xbf <svg>", "an SVG drawing"),
        ("a.psd", b"8BPS\0\1", "a file of Photoshop"),
        ("a.xcf", b"gimp xcf v011", "a file of GIMP"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        ("a.jxl", b"\xff\x0a\0\0", "a JPEG XL image"),
        ("a.dcm", bytes(128) + b"DICM", "a DICOM image"),
        ("a.ico", b"\0\0\1\0\1\0", "an icon"),
        ("a.NEF", b"MM\0*", "a raw photo of a camera"),
        ("a.cr2", b"II*\0\x10\0\0\0CR\2\0", "a raw photo of a camera"),
        ("a.png", b"PK\3\4", "an archive; unpack it"),
        ("a.gz", b"\x1f\x8b\x08", "an archive; unpack it"),
        ("a.png", b"", "an empty file"),
    ],
)
def test_what_is_known_and_not_read_is_named(name, content, told, tmp_path):
    (tmp_path / name).write_bytes(content)
    with refused(tmp_path / name, f": {told}"):
        read_pixels(tmp_path / name, Limits())


def test_content_counts_and_not_the_name(tmp_path):
    shade(7).save(tmp_path / "a.txt", format="PNG")
    assert read_pixels(tmp_path / "a.txt", Limits()).values.max() == 7
    shade(7).save(tmp_path / "b.png", format="GIF")
    assert read_pixels(tmp_path / "b.png", Limits()).values.max() == 7
    (tmp_path / "c.png").write_bytes(b"text")
    with refused(tmp_path / "c.png", ": no image, or of a format that is not read; those are PNG, JPEG, WebP"):
        read_pixels(tmp_path / "c.png", Limits())


@pytest.mark.parametrize(
    ("other", "got"),
    [
        (shade(1, (6, 4)), "6×4 pixels in grey"),
        (shade(1, (5, 6)), "5×6 pixels in grey"),
        (colours("RGB"), "6×5 pixels in colour"),
    ],
)
def test_images_that_do_not_agree(folder, other, got):
    write(folder, {"cat/odd.png": other})
    mend = "; give --resize 64x64, or another HEIGHTxWIDTH, to bring all to one size"
    one, two = (re.escape(str(folder)) + r"/\w+/\w+\.png" for _ in range(2))
    both = sorted([got, "6×5 pixels in grey"])
    with pytest.raises(DataError, match=f"^{one}: .*, but {two}: .*{mend}$") as told:
        load(str(folder), **HALF)
    assert str(folder / "cat" / "odd.png") in str(told.value)
    assert all(kind in str(told.value) for kind in both)
    (folder / "cat" / "zz.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=rf"{mend}; .*zz\.png: .*; to go on without: --skip-unreadable$"):
        load(str(folder), **HALF)
    with pytest.raises(DataError, match=f"{mend}$"):
        load(str(folder), **HALF, skip_unreadable=True)


@pytest.mark.parametrize("seed", range(4))
def test_resized_on_request_and_coloured_where_any_is(folder, seed):
    """One colour image makes the dataset one of colour images, whichever image is read first."""
    grey = load(str(folder), **HALF, resize="3x4")
    assert grey.input_shape == (3, 4)
    write(folder, {"cat/odd.png": Image.new("RGB", (50, 70), (200, 100, 50))})
    data = load(str(folder), **HALF, seed=seed, resize="3x4")
    assert data.input_shape == (3, 4, 3)
    seen = {tuple(image[0, 0].tolist()) for split in (data.train, data.test) for image in split.inputs}
    assert seen == {(40 + value,) * 3 for value in range(18)} | {(200, 100, 50)}


@pytest.mark.parametrize("resize", ["28", "x", "0x4", "4x0", "3x4x5", "-3x4", "3 x 4"])
def test_sizes_that_are_none(folder, resize):
    message = f"resize must be HEIGHTxWIDTH in pixels, got '{resize}'; try --resize 28x28"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        load(str(folder), **HALF, resize=resize)


def png(width, height, data=b"", kind=0):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "told"),
    [
        (4097, 4096, ": pixels would be 16781312, the limit is 16777216; try --limit pixels=16781312"),
        (2**15, 2**12, ": more pixels than 89478485, which no image of a dataset has"),
        (2**31 - 1, 2**31 - 1, ": more pixels than 89478485, which no image of a dataset has"),
    ],
)
def test_bombs_of_pixels_are_refused_without_memory(width, height, told, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, height, bytes(10**6)))
    tracemalloc.start()
    try:
        with refused(path, told):
            read_pixels(path, Limits())
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()


def test_limits_are_named(folder):
    for name, limit, value in (("pixels", 29, 30), ("rows", 17, 18)):
        with pytest.raises(DataError, match=f": {name} would be {value}, the limit is {limit}; try --limit"):
            load(str(folder), sources=Sources(Limits()._replace(**{name: limit})), **HALF)
        load(str(folder), sources=Sources(Limits()._replace(**{name: value})), **HALF)
    path = folder / "9" / "0.png"
    with beyond(path, "file_bytes", path.stat().st_size, 9):
        read_pixels(path, Limits(file_bytes=9))


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_truncated_images_are_refused(kind, share, tmp_path):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: (a damaged image|no image, or)"):
        read_pixels(path, Limits())


@pytest.mark.parametrize("name", ["README.txt", "cat/notes.txt", "cat/empty.png"])
def test_files_that_are_no_images_are_named(folder, name):
    write(folder, {name: b"" if "empty" in name else b"text"})
    told = {"README.txt": ": beside the folders", "cat/empty.png": ": an empty file"}.get(name, ": no image, or of a")
    with refused(folder / name, told):
        load(str(folder), **HALF)


def test_hidden_files_are_left_out(folder):
    write(folder, {".DS_Store": b"x", "cat/.thumbs": b"x", ".git/config": b"x"})
    assert len(load(str(folder), **HALF).train.labels) == 9


def test_pipes_and_folders_among_the_images(folder):
    os.mkfifo(folder / "cat" / "pipe.png")
    with refused(folder / "cat" / "pipe.png", ": cannot be read (not a regular file)"):
        load(str(folder), **HALF)
    (folder / "cat" / "pipe.png").unlink()
    (folder / "cat" / "more").mkdir()
    with refused(folder / "cat" / "more", ": cannot be read (Is a directory)"):
        load(str(folder), **HALF)
    os.mkfifo(folder / "pipe")
    with refused(
        folder, ": files that cannot be used: 2 (pipe: beside the folders of images; cat/more: cannot be read"
    ):
        load(str(folder), **HALF)


def test_links_stay_within_the_folder(folder, tmp_path):
    link = folder / "cat" / "link.png"
    link.symlink_to(folder / "9" / "0.png")
    assert len(load(str(folder), **HALF).train.labels) == 10
    shade(3).save(tmp_path / "out.png")
    for target, told in (
        (tmp_path / "out.png", ": a link out of the folder; copy the file into it"),
        (folder / "nowhere", ": cannot be read (No such file or directory)"),
        (link, ": cannot be read (Too many levels of symbolic links)"),
    ):
        link.unlink()
        link.symlink_to(target)
        with refused(link, told):
            load(str(folder), **HALF)
    link.unlink()
    write(tmp_path / "outside", {"a.png": shade(1)})
    (folder / "dog").symlink_to(tmp_path / "outside")
    with refused(folder / "dog", ": a link out of the folder"):
        load(str(folder), **HALF)


def test_folders_without_images(tmp_path, folder):
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with refused(tmp_path / "empty", ": no images in it; put those of each class into a folder named after"):
        load(str(tmp_path / "empty"), **HALF)
    with refused(folder / "cat", ": images that are not in folders"):
        load(str(folder / "cat"), **HALF)


def test_one_class_only(tmp_path):
    write(tmp_path, {f"a/{number}.png": shade(number) for number in range(4)})
    with refused(tmp_path, ": one class only, a; give a folder for each of at least two"):
        load(str(tmp_path), **HALF)


@given(st.sampled_from(["png", "jpg"]), st.data())
@settings(max_examples=150)
def test_a_damaged_image_is_read_or_refused(tmp_path_factory, kind, data):
    path = tmp_path_factory.getbasetemp() / f"scratch.{kind}"
    colours("RGB", (9, 9)).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        picture = read_pixels(path, Limits())
    except DataError as error:
        assert str(error).startswith(str(path))
    else:
        assert picture.values.dtype == np.uint8
