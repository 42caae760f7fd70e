"""Load datasets by name: bundled, found on this machine, or downloaded and compared with the published checksums."""

import os
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from descenso.data.dataset import Dataset, Scaling, Split
from descenso.data.formats.idx import PREFIXES, holds, read_folder
from descenso.data.sources import Limits, Sources
from descenso.errors import ConfigError, DataError
from descenso.text import _

BUNDLED = Path(__file__).parent / "mnist"
DEBIAN = Path("/usr/share/datasets")  # where packages such as dataset-fashion-mnist put theirs
SECONDS = 30  # without data from the server, after which a download is given up


class Named(NamedTuple):
    """A dataset with a name.

    Attributes:
        class_names: in the order of the labels.
        url: the folder that holds the files, or the archive that holds them all; empty where they are bundled.
        digests: SHA-256 of each file that is downloaded from there.
        prefixes: beginnings of the files' names, training first.
        first_label: the label of the first class.
        transposed: whether images are stored column by column.
        bytes: size of the download.
    """

    class_names: tuple[str, ...]
    url: str = ""
    digests: tuple[tuple[str, str], ...] = ()
    prefixes: tuple[str, str] = PREFIXES
    first_label: int = 0
    transposed: bool = False
    bytes: int = 0


# Each SHA-256 is the one that TensorFlow Datasets has published in its url_checksums.
NAMED = {
    "mnist": Named(tuple(string.digits)),
    "fashion-mnist": Named(
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            ("train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            ("train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            ("t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            ("t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        bytes=30_878_645,
    ),
    "kmnist": Named(
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        (
            ("train-images-idx3-ubyte.gz", "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            ("train-labels-idx1-ubyte.gz", "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            ("t10k-images-idx3-ubyte.gz", "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            ("t10k-labels-idx1-ubyte.gz", "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
        bytes=21_240_888,
    ),
    "emnist-letters": Named(
        tuple(string.ascii_lowercase),
        "https://biometrics.nist.gov/cs_links/EMNIST/",
        (("gzip.zip", "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"),),
        prefixes=("emnist-letters-train", "emnist-letters-test"),
        first_label=1,
        transposed=True,
        bytes=561_753_746,
    ),
}


def load_named(name: str, sources: Sources) -> Dataset:
    """Load the dataset called `name`, a key of `NAMED`.

    It is looked for in the `data_dir` of `sources`, in `DESCENSO_DATA`, where Debian's packages put datasets, and among
    earlier downloads; then it is downloaded.

    Raises:
        ConfigError: if `data_dir` is no folder.
        DataError: if it is not found and cannot be downloaded; the files, where to put them and their address are
            named.
    """
    limits, data_dir = sources
    if data_dir is not None and not data_dir.is_dir():
        message = _("data_dir must be a folder, got {path!r}, which is none; try --data-dir FOLDER with {name} in it")
        raise ConfigError(message.format(path=str(data_dir), name=name))
    known = NAMED[name]
    folder = present(name, data_dir)
    if folder is None:
        folder = _download(name, data_dir)
    digests = _bundled_digests() if folder == BUNDLED else None
    splits = []
    for inputs, labels, _weights in read_folder(folder, limits if known.url else Limits(), known.prefixes, digests):
        turned = np.ascontiguousarray(inputs.swapaxes(1, 2)) if known.transposed else inputs
        splits.append(Split(turned, labels - known.first_label))
    return Dataset(name, splits[0], splits[1], known.class_names, Scaling(scale=1 / 255))


def present(name: str, data_dir: Path | None = None) -> Path | None:
    """Find the folder on this machine that holds all files of the dataset called `name`."""
    if not NAMED[name].url:
        return BUNDLED
    places = (*_places(name, data_dir), _unpacked(name))
    return next((folder for folder in places if holds(folder, NAMED[name].prefixes) == 4), None)


def _places(name: str, data_dir: Path | None) -> Iterator[Path]:
    if data_dir:
        yield data_dir / name
    if os.environ.get("DESCENSO_DATA"):
        yield Path(os.environ["DESCENSO_DATA"]) / name
    yield DEBIAN / name
    yield cache_of(name)


def cache_of(name: str) -> Path:
    """Return the path of `name` in the folder of what can be downloaded or made again."""
    import pooch  # and with it tqdm, which warns in a notebook without widgets: only where it is needed

    return Path(pooch.os_cache("descenso")) / name


def _unpacked(name: str) -> Path:
    """Return the folder into which pooch unpacks an archive."""
    return cache_of(name) / "gzip.zip.unzip" / "gzip"


def _download(name: str, data_dir: Path | None) -> Path:
    import pooch

    known = NAMED[name]
    archived = known.digests[0][0].endswith(".zip")
    stems = [f"{prefix}-{kind}-ubyte.gz" for prefix in known.prefixes for kind in ("images-idx3", "labels-idx1")]
    try:
        pooch.get_logger().setLevel("WARNING")  # it says in English what it downloads
        for file, digest in known.digests:
            if not (cache_of(name) / file).exists():
                sys.stderr.write(_("Downloading {url}").format(url=known.url + file) + "\n")
            unzip = pooch.Unzip(members=[f"gzip/{stem}" for stem in stems]) if archived else None
            pooch.retrieve(known.url + file, f"sha256:{digest}", file, cache_of(name), processor=unzip,
                           downloader=pooch.HTTPDownloader(timeout=SECONDS))  # fmt: skip
    except ValueError:  # of pooch, where the checksum is another
        reason = _("its SHA-256 is not the one published")
    except OSError as error:
        reason = type(error).__name__
    else:
        return _unpacked(name) if archived else cache_of(name)
    message = _("{name} is not here, and cannot be downloaded ({reason}); put {files} from {url} into {folder}")
    raise DataError(
        message.format(
            name=name,
            reason=reason,
            files=", ".join(stems),
            url=known.url + (known.digests[0][0] if archived else ""),
            folder=next(_places(name, data_dir)) if data_dir or os.environ.get("DESCENSO_DATA") else cache_of(name),
        )
    ) from None


def _bundled_digests() -> dict[str, str]:
    rows = (line.split() for line in (BUNDLED / "SHA256SUMS").read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in rows}
