"""Answer what a program asks for that is gone or not here: modules of TensorFlow 1, MNIST, Colab, the network."""

import builtins
import contextlib
import importlib
import importlib.util
import io
import os
import sys
import tempfile
import types
import urllib.error
import urllib.request
import urllib.response
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any

from descenso.text import _, printable
from descenso.tf1.running import HELPER, HELPERS

CONTRIB = "tensorflow.contrib"
HERE = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared, not bound
IDX = tuple(f"{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3",
                                         "t10k-labels-idx1"))  # fmt: skip
MNISTS = ("/mnist/", "/tf-keras-datasets/", "cvdf-datasets", "lecun")  # in addresses of the original files


def _bundled() -> Path:
    from descenso.data.named import BUNDLED  # with NumPy, which not every program needs

    return BUNDLED


def say(message: str) -> None:
    """Print a line beside the program's output."""
    sys.stdout.flush()
    print(f"descenso: {printable(message)}", file=sys.stderr, flush=True)  # noqa: T201


class Imports:
    """The import statement: the program's own imports get descenso's replacements, libraries import as usual.

    Args:
        is_users: whether a file is one of the program's own.
        old: whether the program is one of TensorFlow 1, so that `tensorflow` is `tensorflow.compat.v1`.
        graphs: whether version 2's behaviour is off.
    """

    def __init__(self, is_users: Callable[[str], bool], old: bool, graphs: bool) -> None:
        self._import, self._is_users, self._old, self._graphs = builtins.__import__, is_users, old, graphs
        self._started, self._modules = False, notebook_modules()

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        own = globals is not None and self._is_users(str(globals.get("__file__") or globals.get("__cell__") or ""))
        if level or not own:
            return self._import(name, globals, locals, fromlist, level)
        root = name.partition(".")[0]
        if root in ("tensorflow", "keras", "input_data") and not self._started:
            self._started = True
            _start(self._graphs)
        if root == "matplotlib":
            from descenso.tf1.running import figures

            self._import(name)
            figures.keep_backend()
        if name in self._modules and (fromlist or root == "IPython"):
            return self._modules[name if fromlist else root]
        if root == "tensorflow" and self._old:
            return self._old_tensorflow(name, globals, locals, fromlist)
        return self._import(name, globals, locals, fromlist, level)

    def _old_tensorflow(self, name: str, globals: Any, locals: Any, fromlist: Sequence[str] | None) -> Any:
        old = sys.modules["tensorflow.compat.v1"]
        if name == "tensorflow":
            return old
        if name.startswith("tensorflow.compat"):
            return self._import(name, globals, locals, fromlist)
        module: Any = old  # `from tensorflow.train import Saver`: a package of compat.v1, or it is imported
        for part in name.split(".")[1:]:
            module = None if module is None or part == "keras" else getattr(module, part, None)
        if fromlist and isinstance(module, types.ModuleType):
            return module
        imported = self._import(name, globals, locals, fromlist)
        return imported if fromlist else old


def _start(graphs: bool) -> None:
    """Import TensorFlow, without its chatter, and give it what programs expect in it."""
    folder = sys.path.pop(0)  # a tensorflow.py beside the program must not be imported
    try:
        with _quiet():
            import tensorflow as tf
    finally:
        sys.path.insert(0, folder)
    from descenso.tf1.running import contrib, input_data, layers

    v1: Any = importlib.import_module("tensorflow.compat.v1")  # no longer the same object as before its import
    v1.logging.set_verbosity(v1.logging.ERROR)
    if graphs:
        v1.disable_v2_behavior()
    functions = {name: value for name, value in vars(contrib).items() if callable(value) and name[0].islower()}
    sys.modules[f"{CONTRIB}.layers"] = _module(f"{CONTRIB}.layers", functions)
    v1.contrib = sys.modules[CONTRIB] = _module(CONTRIB, {"layers": sys.modules[f"{CONTRIB}.layers"]})
    v1.layers, v1.python = layers, sys.modules["tensorflow.python"]
    input_data.MNIST = str(_bundled())
    helper = types.ModuleType(HELPER)
    vars(helper).update(input_data=input_data, read_data_sets=input_data.read_data_sets)
    v1.examples = types.SimpleNamespace(tutorials=types.SimpleNamespace(mnist=helper))
    for name in HELPERS:
        if "." in name or importlib.util.find_spec(name) is None:
            sys.modules[name] = helper if name == HELPER else input_data
    tf.keras.datasets.mnist.load_data = importlib.import_module("keras").datasets.mnist.load_data = _load_data


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what C++ libraries write to file descriptor 2, and print it if an error is raised."""
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:  # an import may raise anything, and what was held back may be all that explains it
            aside.seek(0)
            os.write(shown, aside.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def _load_data(path: str = "mnist.npz") -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Load MNIST as `tf.keras.datasets.mnist.load_data` does: images (rows, 28, 28) and labels (rows,), uint8."""
    from descenso.tf1.running.input_data import _idx_files

    images, labels, test_images, test_labels = (array.copy() for array in _idx_files(_bundled()))
    return (images, labels), (test_images, test_labels)


def _content(address: str) -> bytes | None:
    """Return the file of MNIST that `address` names, or None."""
    place, _slash, name = address.partition("?")[0].rpartition("/")
    if not any(part in f"{place}/".lower() for part in MNISTS) or "fashion" in place:
        return None
    if name == "mnist.npz":
        import numpy as np

        (x_train, y_train), (x_test, y_test) = _load_data()
        file = io.BytesIO()
        np.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        return file.getvalue()
    return (_bundled() / name).read_bytes() if name.removesuffix(".gz") in IDX and name.endswith(".gz") else None


class _Offline(urllib.request.BaseHandler):
    """Answer the addresses of MNIST's files with the bundled ones; refuse all others."""

    handler_order = 100

    def http_open(self, request: urllib.request.Request) -> Any:
        content = _content(request.full_url)
        if content is None:
            raise urllib.error.URLError(_no_network(request.host))
        headers = Message()
        headers["Content-Length"] = str(len(content))
        response = urllib.response.addinfourl(io.BytesIO(content), headers, request.full_url, 200)
        response.msg = "OK"  # type: ignore[attr-defined]  # which urllib reads of every response
        return response

    https_open = ftp_open = http_open


def _no_network(host: str) -> str:
    message = _("no network: descenso port --run connects to nothing, and this program to {host}; "
                "put the file into the working directory, and read it from there")  # fmt: skip
    return message.format(host=host)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        host = arguments[1][0] if isinstance(arguments[1], tuple) else ""  # the path of a Unix socket
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    host = host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host or "")
    if host not in HERE:
        raise ConnectionRefusedError(_no_network(host))


def refuse_network() -> None:
    """Refuse connections of Python code to other machines."""
    urllib.request.install_opener(urllib.request.build_opener(_Offline))
    sys.addaudithook(_refuse)


def notebook_names() -> dict[str, Any]:
    """Return the functions that a notebook has without an import."""

    def display(*values: Any, **_options: Any) -> None:
        for value in values:
            print(value if isinstance(value, str) else repr(value))  # noqa: T201

    shell = types.SimpleNamespace(**dict.fromkeys(
        ("magic", "run_line_magic", "run_cell_magic", "system", "getoutput", "set_next_input"), lambda *_words: None
    ))  # fmt: skip
    return {"display": display, "get_ipython": lambda: shell}


def notebook_modules() -> dict[str, types.ModuleType]:
    """Make parts of Colab and of IPython for programs to import names from.

    They are not in `sys.modules`, by which libraries, and programs, find out that they run in Colab or IPython.
    """
    names = notebook_names()

    def mount(*_words: Any, **_options: Any) -> None:
        say(_("google.colab.drive.mount: there is no Drive here, and nothing is mounted"))

    def upload(*_words: Any, **_options: Any) -> None:
        message = _("google.colab.files.upload: there is no browser here; put the file into the working directory, "
                    "and read it by its name")  # fmt: skip
        raise FileNotFoundError(message)

    def download(path: Any = "", *_words: Any) -> None:
        say(_("google.colab.files.download: {path} is on this machine already").format(path=path))

    def nothing(*_words: Any, **_options: Any) -> None:
        pass

    made: dict[str, dict[str, Any]] = {
        "google.colab.drive": {"mount": mount, "flush_and_unmount": nothing},
        "google.colab.files": {"upload": upload, "download": download},
        "google.colab.output": {"clear": nothing},
    }
    made["google.colab"] = {name.rpartition(".")[2]: _module(name, parts) for name, parts in made.items()}
    shown = {"display": names["display"], "clear_output": nothing, "set_matplotlib_formats": nothing}
    made["IPython.display"] = {**shown, "__getattr__": partial(_installed, "IPython.display")}
    made["IPython"] = {
        "get_ipython": names["get_ipython"],
        "display": _module("IPython.display", made["IPython.display"]),
        "__getattr__": partial(_installed, "IPython"),
    }
    return {name: _module(name, parts) for name, parts in made.items()}


def _installed(module: str, name: str) -> Any:
    """Return what a library has by this name; Python asks where a module of ours lacks it."""
    if name.startswith("__"):  # which the import system asks for
        raise AttributeError(name)
    return getattr(importlib.import_module(module), name)


def _module(name: str, parts: Mapping[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(parts)
    return module
