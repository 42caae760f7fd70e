import io
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descenso.data.catalog import load
from descenso.data.formats.npz import read_arrays
from descenso.data.sources import Limits
from descenso.errors import ConfigError, DataError
from idx_files import beyond

LIFTED = Limits._make([2**300] * len(Limits._fields))


def refused(path, told):
    return pytest.raises(DataError, match=f"^{re.escape(f'{path}{told}')}")


@pytest.fixture
def write(tmp_path):
    def write(**arrays):
        path = tmp_path / "data.npz"
        np.savez_compressed(path, **arrays)
        return path

    return write


def archive(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def npy(header, content=b"", magic=b"\x93NUMPY\x01\x00"):
    text = header.encode("latin1") + b"\n"
    return magic + struct.pack("<H", len(text)) + text + content


def of_shape(shape, descr="|u1", order=False):
    return npy(repr({"descr": descr, "fortran_order": order, "shape": shape}))


def keras(tiny, **changes):
    return {"x_train": tiny.train.inputs, "y_train": tiny.train.labels.astype(np.uint8), "x_test": tiny.test.inputs,
            "y_test": tiny.test.labels.astype(np.int64)} | changes  # fmt: skip


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_as_keras_ships_mnist(tiny, save, tmp_path):
    path = tmp_path / "mnist.npz"
    save(path, **keras(tiny))
    data = load(str(path))
    assert data.name == str(path)
    assert data.class_names == ("0", "1", "2", "3")
    assert (data.scaling.scale, data.scaling.shift, data.columns) == (1 / 255, 0.0, ())
    for split, expected in ((data.train, tiny.train), (data.test, tiny.test)):
        np.testing.assert_array_equal(split.inputs, expected.inputs, strict=True)
        np.testing.assert_array_equal(split.labels, expected.labels, strict=True)


@pytest.mark.parametrize("names", [("x_train", "y_train"), ("X", "y")])
def test_rows_to_test_on_are_drawn(tiny, names, write):
    data = load(str(write(**dict(zip(names, tiny.train[:2], strict=True)))), test_fraction=0.25, seed=4)
    assert (len(data.train.labels), len(data.test.labels)) == (152, 51)
    together = np.concatenate([data.train.inputs, data.test.inputs]).reshape(203, -1)
    assert sorted(map(bytes, together)) == sorted(map(bytes, tiny.train.inputs.reshape(203, -1)))
    row = {bytes(image): label for image, label in zip(*tiny.train[:2], strict=True)}
    assert all(row[bytes(image)] == label for image, label in zip(*data.test[:2], strict=True))
    other = load(str(write(**dict(zip(names, tiny.train[:2], strict=True)))), test_fraction=0.25, seed=5)
    assert not np.array_equal(data.test.labels, other.test.labels)


def test_without_rows_to_test_on_a_fifth_is_kept(tiny, write):
    data = load(str(write(x=tiny.train.inputs, y=tiny.train.labels)))
    assert 0.15 < len(data.test.labels) / len(tiny.train.labels) < 0.25
    assert [note[:40] for note in data.notes] == ["a fifth of the rows is kept to test on, "]
    with pytest.raises(ConfigError, match=r": it has test rows of its own; leave --test-fraction out$"):
        load(str(write(**keras(tiny))), test_fraction=0.5)


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [("u1", "f4"), ("i2", "f4"), ("?", "f4"), ("f2", "f4"), ("f4", "f4"), ("i4", "f8"), ("f8", "f8"), (">f8", "f8")],
)
def test_columns_become_floats_that_hold_every_value(dtype, becomes, write):
    rows = np.array([[0, 1], [1, 1], [1, 0], [0, 0]]).astype(dtype)
    data = load(str(write(x_train=rows, y_train=[0, 1, 0, 1], x_test=rows[:1], y_test=[1])))
    np.testing.assert_array_equal(data.train.inputs, rows.astype(becomes), strict=True)
    np.testing.assert_array_equal(data.scaling.shift, [0.5, 0.5])
    np.testing.assert_array_equal(data.scaling.scale, [2.0, 2.0])


def test_labels_are_numbered_by_value_or_text(write):
    rows = np.arange(12.0).reshape(6, 2)
    data = load(str(write(x_train=rows, y_train=[10, 9, -1, 9, 10, -1], x_test=rows[:2], y_test=[9, -1])))
    assert data.class_names == ("-1", "9", "10")
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([2, 1, 0, 1, 2, 0], [1, 0])
    data = load(str(write(x_train=rows, y_train=[*"babcac"], x_test=rows[:1], y_test=["c"])))
    assert data.class_names == ("a", "b", "c")
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([1, 0, 1, 2, 0, 2], [2])


def test_a_test_label_unseen_in_training(tiny, write):
    path = write(**keras(tiny, y_test=np.r_[tiny.test.labels[:-1], 4]))
    with refused(path, ": row 60 of y_test has label 4, which no training row has"):
        load(str(path))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"y_train": np.zeros(202, np.uint8)}, "training rows: 203 rows of inputs and 202 labels; each row needs one"),
        (
            {"y_train": np.zeros((203, 4), np.uint8)},
            "training rows: labels of shape 203×4 beside inputs of shape 203×8",
        ),
        ({"y_test": np.zeros(60, np.uint8)}, "test rows: 61 rows of inputs and 60 labels; each row needs one"),
        (
            {"x_train": np.zeros(203)},
            "training rows: inputs without columns, expected (rows, columns) or (rows, height",
        ),
        (
            {"x_train": np.float64(0)},
            "training rows: inputs without columns, expected (rows, columns) or (rows, height",
        ),
    ],
    ids=["too few", "one-hot", "test", "no columns", "a number"],
)
def test_labels_that_do_not_fit(tiny, changes, told, write):
    path = write(**keras(tiny, **changes))
    with refused(path, f", {told}"):
        load(str(path))


def test_what_else_does_not_fit(tiny, write):
    for changes, told in (
        ({"x_test": tiny.test.inputs[:, 1:]}, ", test rows: inputs of shape 7×8, expected 8×8"),
        ({"x_train": tiny.train.inputs[:0], "y_train": tiny.train.labels[:0]}, ""),
        ({"y_train": np.zeros(203, int), "y_test": np.zeros(61, int)}, ": one class only; give rows of at least two"),
        (
            {"x_train": np.where(np.arange(203 * 64) < 5 * 64, 0, np.inf).reshape(203, 8, 8)},
            ", training rows: row 5 holds a value that is not finite",
        ),
        ({"x_train": np.full((203, 2), "text")}, ", training rows: inputs of type <U4, expected numbers"),
        ({"x_train": np.zeros((203, 0)), "x_test": np.zeros((61, 0))}, ", training rows: inputs of shape 0, which"),
    ):
        path = write(**keras(tiny, **changes))
        with refused(path, told):
            load(str(path))


def test_arrays_that_are_missing(tiny, write):
    path = write(pictures=tiny.train.inputs, y_train=tiny.train.labels)
    with refused(path, ": its arrays are pictures (203, 8, 8) uint8, y_train (203,) int32; expected x_train"):
        load(str(path))
    path = write(**{name: array for name, array in keras(tiny).items() if name != "y_test"})
    with refused(path, ": of x_test and y_test there is one only; give both, or none"):
        load(str(path))


@pytest.mark.parametrize("dtype", ["u1", "<i4", ">i4", "<f4", ">f8", "<U3", ">U3", "S2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3), (0, 3)])
def test_arrays_are_what_was_saved(dtype, order, shape, write):
    saved = np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype), order=order)
    found = read_arrays(write(A=saved), Limits())["a"]
    np.testing.assert_array_equal(found, saved.astype(saved.dtype.newbyteorder("=")), strict=True)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_large_arrays_are_read_piece_by_piece(save, tmp_path):
    saved = np.random.default_rng(0).integers(0, 256, (3, 2**18), np.uint8)
    save(tmp_path / "data.npz", x=saved)
    np.testing.assert_array_equal(read_arrays(tmp_path / "data.npz", Limits(columns=2**18))["x"], saved)


def test_objects_are_never_unpickled(write, tmp_path):
    path = write(x=np.array([print, 1], object), y=np.array([1]))
    with refused(f"{path}:x", ": Python objects, which are never unpickled; save numbers or text"):
        load(str(path))
    nested = npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (3,)}", bytes(24))
    path = archive(tmp_path / "nested.npz", {"x.npy": nested})
    with refused(f"{path}:x", ": Python objects, which are never unpickled"):
        read_arrays(path, Limits())


@pytest.mark.parametrize("descr", ["<c8", "<M8[s]", "|V8", "<f16", "<U70000", "|S0"])
def test_types_that_are_no_data(descr, tmp_path):
    path = archive(tmp_path / "data.npz", {"x.npy": of_shape((0,), descr)})
    with refused(f"{path}:x", ": elements of type "):
        read_arrays(path, Limits())


HUGE = 2**62
BOMBS = {
    "claimed": of_shape((HUGE, 2)),
    "wraps": of_shape((2**32, 2**32)),
    "empty and huge": of_shape((0, HUGE, HUGE)),
    "negative": of_shape((-1, 3)),
    "true": of_shape((True, 3)),
    "many dimensions": of_shape((1,) * 9),
    "deep": npy("(" * 9000),
    "long": npy("'" + "a" * 20000 + "'"),
    "code": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (__import__('os').getpid(),)}"),
    "version 2": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1),
    "no header": b"\x93NUMPY\x01\x00",
    "nothing": b"",
    "pickle": b"\x80\x04\x95",
    "short": of_shape((3,), "<f8"),
    "longer": of_shape((3,)) + b"1234",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("limits", [Limits(), LIFTED], ids=["usual", "lifted"])
def test_headers_that_claim_too_much_are_refused_without_memory(bomb, limits, tmp_path):
    path = archive(tmp_path / "data.npz", {"x.npy": bomb})
    tracemalloc.start()
    try:
        with refused(path, ""):
            read_arrays(path, limits)
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def test_a_bomb_with_a_true_header_is_refused_by_its_limit(tmp_path):
    """64 MB of zeros in 64 kB: the header is true to the data, so that only the limit can refuse it."""
    content = of_shape((64, 2**20)) + bytes(2**26)
    path = archive(tmp_path / "data.npz", {"x.npy": content})
    assert path.stat().st_size < 10**5
    with beyond(f"{path}:x", "array_bytes", 2**26, 2**25):
        read_arrays(path, Limits(array_bytes=2**25))
    assert read_arrays(path, Limits(columns=2**20))["x"].shape == (64, 2**20)


def test_all_members_count_together(tmp_path):
    members = {f"{name}.npy": of_shape((1000,)) + bytes(1000) for name in "abcd"}
    path = archive(tmp_path / "data.npz", members)
    assert len(read_arrays(path, Limits(array_bytes=4000))) == 4
    with beyond(f"{path}:d", "array_bytes", 1000, 999):
        read_arrays(path, Limits(array_bytes=3999))


@pytest.mark.parametrize(
    ("name", "limit", "value"),
    [("rows", 3, 4), ("columns", 1, 2), ("file_bytes", 100, None)],
)
def test_limits_are_named(name, limit, value, write):
    path = write(x=np.zeros((4, 2)))
    value = value or path.stat().st_size
    with beyond(path if name == "file_bytes" else f"{path}:x", name, value, limit):
        read_arrays(path, Limits()._replace(**{name: limit}))
    path = write(x=np.zeros((4, 2, 3, 3)))
    with beyond(f"{path}:x", "pixels", 18, 17):
        read_arrays(path, Limits(pixels=17))


def test_many_members(tmp_path):
    path = archive(tmp_path / "data.npz", {f"{number}.npy": of_shape((0,)) for number in range(65)})
    with refused(path, ": 65 members, expected at most 64"):
        read_arrays(path, Limits())
    path = archive(tmp_path / "data.npz", {f"{number}.npy": b"" for number in range(3000)})
    with refused(path, ": not an NPZ file, or damaged (its table of contents is too large)"):
        read_arrays(path, Limits())


@pytest.mark.parametrize("names", [("x.npy", "X.npy"), ("x.npy", "x")])
def test_two_arrays_of_one_name(names, tmp_path):
    path = archive(tmp_path / "data.npz", dict.fromkeys(names, of_shape((0,))))
    with refused(path, ": two arrays are called x"):
        read_arrays(path, Limits())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(method, tmp_path):
    path = archive(tmp_path / "data.npz", {"x.npy": of_shape((0,))}, method)
    with refused(f"{path}:x", ": compressed in a way that NumPy does not use"):
        read_arrays(path, Limits())


def test_no_archive(tmp_path):
    path = tmp_path / "data.npz"
    for content in (b"", b"PK\x05\x06", b"text", bytes(1000)):
        path.write_bytes(content)
        with refused(path, ": not an NPZ file, or damaged (File is not a zip file)"):
            load(str(path))


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_file_is_read_rightly_or_refused(tmp_path_factory, data):
    buffer = io.BytesIO()
    saved = {"x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "y": np.array([0, 1])}
    np.savez_compressed(buffer, **saved)
    content = bytearray(buffer.getvalue())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "scratch.npz"
    path.write_bytes(content)
    try:
        found = read_arrays(path, Limits())
    except DataError as error:
        assert str(error).startswith(str(path))
    else:
        for name, array in found.items():
            if name in saved:
                np.testing.assert_array_equal(array, saved[name], strict=True)
