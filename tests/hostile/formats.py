"""The formats whose readers are tested: for each a small valid file, changes of it, and checks of what is read."""

import gzip
import hashlib
import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archives import (
    CLAIMS,
    make_csv,
    make_image_table,
    make_images,
    make_npy,
    make_npz,
    make_parquet,
    png_chunk,
    zip_member,
)
from damage import (
    HEADERS,
    SIZES,
    WORDS,
    Change,
    bytes_with,
    either,
    json_line,
    json_whole,
    safetensors_header,
    values_in,
    zipped,
)  # fmt: skip
from descenso.api.run import open_run
from descenso.config import TrainConfig
from descenso.data.catalog import load
from descenso.data.convert import convert
from descenso.data.formats.idx import read_idx
from descenso.files import read_settings
from descenso.runs import checkpoints
from descenso.runs.checkpoints import MANIFEST, STATE, Checkpoint, Position, newest, write_checkpoint
from descenso.runs.directory import create, open_directory
from descenso.runs.history import Epoch
from samples import idx_bytes, tiny_dataset, write_folder

CONFIG = TrainConfig.of(epochs=3, learning_rate=0.5)
TOML = b'data = "mnist"\nepochs = 3\nlearning-rate = 0.5\norder = "buffer:10"\ncheckpoint-every = "10s"\n'
ARRAYS = {"W": np.arange(12, dtype=np.float32).reshape(4, 3), "b": np.array([0.5, -1, np.pi])}
CHECKPOINT = "00000001-0000000002"
WEIGHTS = "model/weights.safetensors"


class Format(NamedTuple):
    """A format.

    Attributes:
        make: folder -> nothing; writes valid files.
        file: the one of them that is changed.
        change: (random, content) -> content.
        read: (folder, content) -> nothing; reads, and checks what was read against the content.
        refusals: the names of the documented errors.
        put: (path, content) -> nothing; writes the changed file.
        noise: a regular expression for what a library may print before a refusal, bypassing Python.
    """

    make: Callable[[Path], object]
    file: str
    change: Change
    read: Callable[[Path, bytes], object]
    refusals: tuple[str, ...] = ("DataError",)
    put: Callable[[Path, bytes], object] = Path.write_bytes
    noise: str = ""

    def original(self) -> bytes:
        """Return the content of the valid file."""
        return _original(self.make, self.file)

    def mutated(self, name: str, number: int) -> bytes:
        """Return the content after mutation `number` of the format `name`: the same bytes each time."""
        return self.change(np.random.default_rng([2026, zlib.crc32(name.encode()), number]), self.original())

    def place(self, folder: Path, content: bytes) -> None:
        """Replace the valid file by `content`."""
        self.put(folder / self.file, content)


@cache
def _original(make: Callable[[Path], object], file: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        return (Path(folder) / file).read_bytes()


def make_file(name: str, content: bytes, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def make_run(folder: Path) -> None:
    run = create(CONFIG, {"python": "3"}, folder / "run")
    for epoch in range(3):
        run.append(Epoch(epoch, 1.5 / (epoch + 1), 0.25))
    run.write_weights(ARRAYS, {"model": "softmax", "class_names": "0\n1\n2", "input_shape": "2×2"})
    run.write("status.json", {"outcome": "completed", "epochs_done": 3, "test_accuracy": 0.5, "exact": True})
    run.close()


def make_checkpoint(folder: Path) -> None:
    about = {"config": {"seed": 3}, "data": "d", "history_bytes": 40, "seconds": 0.25}
    write_checkpoint(folder, Checkpoint(Position(1, 2), {**ARRAYS, "costs": np.ones(2)}, about))


def make_data(folder: Path) -> None:
    write_folder(folder, tiny_dataset(17, 5, 3), zipped=False)


def make_converted(folder: Path) -> None:
    np.savez(folder / "rows.npz", x=np.arange(60, dtype=np.float32).reshape(20, 3), y=np.arange(20) % 2)
    convert(folder / "rows.npz", folder / "rows")


def make_emnist(folder: Path) -> None:
    """Write the files of `make_data` under the names of another dataset."""
    make_data(folder)
    for path in list(folder.iterdir()):
        path.rename(path.with_name(f"emnist-digits-{path.name}"))


def read_array(folder: Path, content: bytes) -> None:
    array = read_idx(folder / "file")
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    assert plain[4:].startswith(struct.pack(f">{array.ndim}I", *array.shape))
    assert plain[4 + 4 * array.ndim :] == array.astype(array.dtype.newbyteorder(">")).tobytes()


def read_data(folder: Path, _content: bytes, name: str = ".", **options: Any) -> None:
    """Read the data, and check everything that the first training step relies on."""
    data = load(str(folder / name), **options)
    assert 2 <= data.num_classes == len(set(data.class_names))
    assert all(isinstance(each, str) for each in data.class_names)
    assert all(np.isfinite(number).all() for number in data.scaling)
    for inputs, labels, weights in (data.train, data.test):
        assert weights is None
        assert len(inputs) == len(labels) > 0 < inputs.size
        assert inputs.dtype.kind in "uif"
        assert np.isfinite(inputs).all()
        assert labels.dtype == np.int32
        assert 0 <= labels.min() <= labels.max() < data.num_classes
        assert inputs.shape[1:] == data.input_shape


def read_config(name: str, folder: Path, _content: bytes) -> None:
    """Read the settings, and check that they are the same after being saved and read again."""
    config = TrainConfig.of(**read_settings(folder / name))
    with tempfile.TemporaryDirectory() as elsewhere:
        again = Path(elsewhere) / "again.json"
        again.write_text(json.dumps(config.model_dump(), allow_nan=False))
        assert TrainConfig.of(**read_settings(again)) == config


def read_run(folder: Path, _content: bytes) -> None:
    run = open_run(folder / "run")
    json.dumps(run.summary(), allow_nan=False)
    assert repr(run).startswith("<Run ")
    assert len(run.history.epochs) == (folder / "run" / "history.jsonl").read_bytes().count(b"\n")


def read_weights(folder: Path, content: bytes) -> None:
    arrays, about = open_directory(folder / "run").weights()
    assert sum(array.nbytes for array in arrays.values()) <= len(content)
    assert all(isinstance(value, str) for value in about.values())


def read_written(file: str, folder: Path, content: bytes) -> None:
    """Check that only the original content is read without an error."""
    newest(folder)
    assert content == FORMATS[file].original()


def read_sealed(folder: Path, _content: bytes) -> None:
    checkpoint, warnings = newest(folder)
    assert (tuple(checkpoint.position), warnings) == ((1, 2), [])
    stored = (folder / CHECKPOINT / STATE).stat().st_size
    assert sum(array.nbytes for array in checkpoint.arrays.values()) <= stored


def sealed_values(random: np.random.Generator, content: bytes) -> bytes:
    """Replace values of a manifest, and seal it correctly."""
    return checkpoints._sealed(values_in(random, json.loads(content)["manifest"]))


def put_sealed(path: Path, content: bytes, **otherwise: Any) -> None:
    """Write a state with a manifest that matches it except for the entries `otherwise`."""
    path.write_bytes(content)
    told = json.loads(path.with_name(MANIFEST).read_bytes())["manifest"]
    sums = {STATE: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    path.with_name(MANIFEST).write_bytes(checkpoints._sealed({**told, "files": sums, **otherwise}))


def idx(array: NDArray[np.generic], change: Change, packed: bool = False) -> Format:
    content = gzip.compress(idx_bytes(array), mtime=0) if packed else idx_bytes(array)
    return Format(partial(make_file, "file", content), "file", change, read_array)


def data(name: str, make: Callable[[Path], object], change: Change, noise: str = "", **options: Any) -> Format:
    """Return the format of a file of rows; a lost label column is a ConfigError, because `label` is a setting."""
    refusals = ("DataError", "ConfigError")
    return Format(make, name, change, partial(read_data, name=name, **options), refusals, noise=noise)


def arrays(name: str) -> Format:
    return Format(make_npy, name, bytes_with(CLAIMS), read_data)


def images(suffix: str, change: Change) -> Format:
    return Format(partial(make_images, suffix), f"train/a/0.{suffix}", change, read_data)


def settings(name: str, content: bytes, change: Change) -> Format:
    return Format(partial(make_file, name, content), name, change, partial(read_config, name), ("ConfigError",))


def of_run(name: str, change: Change, read: Any = read_run, refusal: str = "DataError") -> Format:
    return Format(make_run, f"run/{name}", change, read, (refusal,))


def of_checkpoint(name: str, change: Change, read: Any, put: Any = Path.write_bytes) -> Format:
    return Format(make_checkpoint, f"{CHECKPOINT}/{name}", change, read, ("CheckpointError",), put)


TEXT, NUMBERS, TENSORS = bytes_with(WORDS), bytes_with(SIZES), bytes_with(WORDS + HEADERS)
PANIC = r"(?s)\nthread '[^']+' \(\d+\) panicked at crates/polars.*"
ANY = b"id,size,open,city,kind\n" + b"".join(
    b"%d,%s,%s,%s,%s\n" % (row, (b"1.5", b"?", b"-2", b"3e2")[row % 4], (b"TRUE", b"false")[row % 2],
                           (b"Rome", b"Oslo", b"", b" Rome")[row * 7 % 4], (b"cat", b"dog", b"cat")[row % 3])
    for row in range(24))  # fmt: skip
COMMAS = b"altura;peso;especie\n" + "1,5;1.234,5;\u00f1and\u00fa\n1,75;999;gato\n2,5;12,25;gato\n".encode() * 5
FORMATS = {
    "IDX of pixels": idx(np.arange(24, dtype="u1").reshape(2, 3, 4), NUMBERS),
    "IDX of numbers": idx(np.arange(5, dtype="f8"), NUMBERS),
    "IDX in gzip": idx(np.arange(24, dtype="i4").reshape(6, 4), zipped(NUMBERS), packed=True),
    "IDX labels": Format(make_data, "train-labels-idx1-ubyte", NUMBERS, read_data),
    "NPZ": data("data.npz", make_npz, NUMBERS),
    "NPZ, packed again": data("data.npz", make_npz, zip_member),
    "NPY of pixels": arrays("X_train.npy"),
    "NPY of labels": arrays("y_test.npy"),
    "manifest of converted rows": Format(make_converted, "rows/manifest.json", TEXT, partial(read_data, name="rows")),
    "IDX by EMNIST's names": Format(make_emnist, "emnist-digits-train-images-idx3-ubyte", NUMBERS, read_data),
    "CSV": data("data.csv", make_csv, TEXT, label="colour", test_fraction=0.3),
    "CSV of any columns": data("data.csv", partial(make_file, "data.csv", ANY), TEXT, label="kind"),
    "CSV without a header": data(
        "data.csv", partial(make_file, "data.csv", ANY.split(b"\n", 1)[1]), TEXT, label="col5"
    ),
    "CSV with decimal commas": data("data.csv", partial(make_file, "data.csv", COMMAS), TEXT),
    "CSV in Latin-1": data(
        "data.csv", partial(make_file, "data.csv", COMMAS.decode().encode("latin-1")), TEXT, encoding="latin-1"
    ),
    "CSV in UTF-16": data("data.csv", partial(make_file, "data.csv", COMMAS.decode().encode("utf-16")), NUMBERS),
    "Parquet": data("data.parquet", make_parquet, NUMBERS, PANIC, label="colour", test_fraction=0.3),
    "Parquet of images": data("train.parquet", make_image_table, NUMBERS, PANIC),
    "PNG": images("png", NUMBERS),
    "PNG, summed again": images("png", png_chunk),
    "JPEG": images("jpg", NUMBERS),
    "WebP": images("webp", NUMBERS),
    "BMP": images("bmp", NUMBERS),
    "GIF": images("gif", NUMBERS),
    "TIFF": images("tif", NUMBERS),
    "PPM": images("ppm", NUMBERS),
    "TOML": settings("settings.toml", TOML, TEXT),
    "JSON": settings("settings.json", CONFIG.model_dump_json().encode(), either(TEXT, json_whole)),
    "config.json": of_run("config.json", either(TEXT, json_whole), refusal="ConfigError"),
    "status.json": of_run("status.json", either(TEXT, json_whole)),
    "history.jsonl": of_run("history.jsonl", either(TEXT, json_line)),
    "weights": of_run(WEIGHTS.removeprefix("run/"), either(TENSORS, safetensors_header), read_weights),
    "manifest": of_checkpoint(MANIFEST, TEXT, partial(read_written, "manifest")),
    "state": of_checkpoint(STATE, TENSORS, partial(read_written, "state")),
    "sealed manifest": of_checkpoint(MANIFEST, sealed_values, read_sealed),
    "sealed state": of_checkpoint(STATE, either(TENSORS, safetensors_header), read_sealed, put_sealed),
}
