"""A layer between the package and the disk that records every change below a folder, in order, and may make one fail.

It replaces the primitives that `descenso.runs` uses: `Path.open` for writing, `Path.mkdir`, `rename`, `replace` and
`unlink`, `os.open` and `os.fsync`, `shutil.rmtree`. Nothing is really synced: that would only take time, and the
records show whether the package asked for it.

Only operations of the package itself are recorded and may fail, as `asked_by_package` decides from the call stack; the
tests beside this file count as the package, since some replace its functions or act as its user. Operations of a
library, such as those on the files of a lock, reach the real disk. `seen_by_python` shows whether the package changed
files in a way that the shim does not know, and `Power` whether the recorded operations lead to the files that exist.
"""

import io
import itertools
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = str(Path(__file__).parent) + os.sep
CHANGES = ("mkdir", "create", "write", "truncate", "fsync", "sync folder", "rename", "unlink", "rmdir")


class Crash(BaseException):
    """End of the process: nothing that it still tries has an effect on the disk."""


class Operation(NamedTuple):
    """One operation on the disk.

    Attributes:
        kind: one of CHANGES, or "open", which changes nothing.
        path: the file or folder; for a rename, the old name.
        target: for a rename, the new name.
        file: number of the open file for operations on one, since its name may have changed meanwhile.
        offset: where a write begins, or the length after a truncation.
        data: the bytes that are written.
    """

    kind: str
    path: Path
    target: Path | None = None
    file: int = -1
    offset: int = 0
    data: bytes = b""


class Fault(NamedTuple):
    """A failure of operation number `at`, and of all later ones if it `stays`.

    Attributes:
        how: "crash before", "torn write" (half of it, then the crash), "crash after", or an errno.
    """

    how: str | int
    at: int
    stays: bool = False


def asked_by_package():
    """Return whether the nearest caller outside the standard library and this module is the package or its tests."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name != __name__ and name.partition(".")[0] not in sys.stdlib_module_names:
            return name.partition(".")[0] == "descenso" or frame.f_code.co_filename.startswith(TESTS)
        frame = frame.f_back
    return False


class Disk:
    """Record the operations below `root` while it is `mounted`, and fail as `fault` says."""

    def __init__(self, root, fault=None):
        self.root, self.fault = str(root), fault
        self.operations, self.done = [], []  # requested, and carried out
        self.dead = False
        self._paths = {}  # of open file descriptors
        self._raws, self._left = [], []  # open files, and results of operations after which the process died
        self._count = itertools.count()

    def covers(self, path):
        return (os.fsdecode(path) + os.sep).startswith(self.root + os.sep)

    def records(self, path):
        """Return whether an operation on `path` is recorded: it is below the root, and the package asks for it."""
        return self.covers(path) and asked_by_package()

    def do(self, operation, act, tear=None):
        """Carry out `operation` by calling `act`, unless it is to fail; `tear` does half of it."""
        if self.dead:
            raise Crash
        number, fault = len(self.operations), self.fault
        self.operations.append(operation)
        if fault is None or number < fault.at or (number > fault.at and not fault.stays):
            return self._carry_out(operation, act)
        if isinstance(fault.how, int):
            raise OSError(fault.how, os.strerror(fault.how), str(operation.path))
        self.dead = True
        if fault.how == "torn write" and tear:
            self._carry_out(operation._replace(data=operation.data[: len(operation.data) // 2]), tear)
        elif fault.how == "crash after":
            self._left.append(self._carry_out(operation, act))
        raise Crash

    def _carry_out(self, operation, act):
        result = act()
        self.done.append(operation)
        return result

    def bury(self):
        """Close the files of the dead process, and discard what it had not written, as the operating system does."""
        for raw in self._raws:
            with suppress(OSError):
                raw.close()
        self.dead, self.fault = False, None

    @contextmanager
    def mounted(self):
        """Replace the package's primitives inside the `with` block."""
        with pytest.MonkeyPatch.context() as patch:
            _files(self, patch)
            _names(self, patch)
            _syncs(self, patch)
            try:
                yield self
            finally:
                self.bury()


class _Raw(io.FileIO):
    """An open file below Python's own buffer, which works as usual."""

    def __init__(self, disk, path, mode, number):
        self._disk, self._path, self._number = disk, path, number
        super().__init__(path, mode)
        disk._paths[self.fileno()] = (path, number)
        disk._raws.append(self)

    def write(self, data):
        if self._disk.dead:  # Python flushes the buffer when the object is deleted; a dead process does not
            return len(data)
        data = bytes(data)
        offset = self.seek(0, os.SEEK_END) if "a" in self.mode else self.tell()
        operation = Operation("write", self._path, file=self._number, offset=offset, data=data)
        write = super().write
        return self._disk.do(operation, lambda: write(data), lambda: write(data[: len(data) // 2]))

    def truncate(self, size=None):
        operation = Operation("truncate", self._path, file=self._number, offset=size)
        truncate = super().truncate
        return self._disk.do(operation, lambda: truncate(size))


def _files(disk, patch):
    real = Path.open

    def opened(self, mode="r", *more, **named):
        if mode in ("r", "rb") or not disk.records(self):
            return real(self, mode, *more, **named)
        assert mode in ("wb", "ab"), f"the shim does not know the mode {mode}"
        change = mode == "wb" or not self.exists()
        number = next(disk._count)
        operation = Operation("create" if change else "open", self, file=number)
        return disk.do(operation, lambda: io.BufferedWriter(_Raw(disk, self, mode, number)))

    patch.setattr(Path, "open", opened)


def _names(disk, patch):
    real = {name: getattr(Path, name) for name in ("mkdir", "rename", "replace", "unlink", "rmdir")}
    real_rmtree = shutil.rmtree

    def mkdir(self, mode=0o777, parents=False, exist_ok=False):
        if not disk.records(self) or self.exists():
            return real["mkdir"](self, mode, parents, exist_ok)
        if parents:
            self.parent.mkdir(parents=True, exist_ok=True)
        return disk.do(Operation("mkdir", self), lambda: real["mkdir"](self, mode))

    def moved(name):
        def move(self, target):
            act = lambda: real[name](self, target)  # noqa: E731 - used twice
            return disk.do(Operation("rename", self, Path(target)), act) if disk.records(self) else act()

        return move

    def unlink(self, missing_ok=False):
        if not disk.records(self) or not os.path.lexists(self):
            return real["unlink"](self, missing_ok)
        return disk.do(Operation("unlink", self), lambda: real["unlink"](self))

    def rmtree(path, *more, **named):
        return (removed if disk.records(path) else real_rmtree)(path, *more, **named)

    def removed(path, ignore_errors=False):
        silent = suppress(OSError) if ignore_errors else suppress()
        with silent:
            for entry in sorted(Path(path).iterdir()):
                with silent:
                    removed(entry, ignore_errors) if entry.is_dir() and not entry.is_symlink() else unlink(entry)
            disk.do(Operation("rmdir", Path(path)), lambda: real["rmdir"](Path(path)))

    patch.setattr(Path, "mkdir", mkdir)
    patch.setattr(Path, "rename", moved("rename"))
    patch.setattr(Path, "replace", moved("replace"))
    patch.setattr(Path, "unlink", unlink)
    patch.setattr(shutil, "rmtree", rmtree)


def _syncs(disk, patch):
    real_open, real_fsync = os.open, os.fsync

    def opened(path, flags, *more, **named):
        if isinstance(path, int) or not disk.records(path):
            return real_open(path, flags, *more, **named)
        assert not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), "the shim knows os.open for folders only"
        handle = disk.do(Operation("open", Path(path)), lambda: real_open(path, flags, *more, **named))
        disk._paths[handle] = (Path(path), None)
        return handle

    def fsync(handle):
        if handle not in disk._paths or not asked_by_package():  # a library's file may reuse the number of a closed one
            return real_fsync(handle)
        path, number = disk._paths[handle]
        kind = "sync folder" if number is None else "fsync"
        return disk.do(Operation(kind, path, file=-1 if number is None else number), lambda: None)

    patch.setattr(os, "open", opened)
    patch.setattr(os, "fsync", fsync)


_SEEN = {"os.mkdir": "mkdir", "os.rename": "rename", "os.remove": "unlink", "os.rmdir": "rmdir"}
_UNKNOWN = ("os.link", "os.symlink", "os.truncate")  # changes that the shim does not replace
_listeners = []


def _hear(event, arguments):
    for listener in _listeners:
        listener(event, arguments)


@contextmanager
def seen_by_python(disk):
    """List kind and path of the package's changes below the disk's root, in order, from Python's audit events."""
    if not _HOOKED:
        sys.addaudithook(_hear)  # which cannot be removed
        _HOOKED.append(True)
    seen = []

    def listen(event, arguments):
        paths = [each for each in arguments[:2] if isinstance(each, str | bytes | os.PathLike) and disk.covers(each)]
        if not paths:
            return
        path = Path(os.fsdecode(paths[0]))
        if event in _SEEN or event in _UNKNOWN:
            kind = _SEEN.get(event, event)
        elif event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            kind = "open"
        else:
            return
        repeated = kind == "mkdir" and path.exists()  # reported before it fails
        if not repeated and asked_by_package():
            seen.append((kind, path))

    _listeners.append(listen)
    try:
        yield seen
    finally:
        _listeners.remove(listen)


_HOOKED = []
