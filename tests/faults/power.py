"""A model of a disk that loses power: any part of what was not synced may be missing, in any combination.

It promises what POSIX promises and no more. Syncing a file stores its content, not its name; names that were created,
removed or changed are stored once their folder is synced. A name may survive without the content of its file. Each
change of a name happens completely or not at all; each write to a file is complete, cut short, left as zeros, or lost.
"""

from pathlib import Path

from descenso.runs.files import LOCK


class _File:
    def __init__(self):
        self.durable, self.pending = bytearray(), []

    def change(self, offset, data):
        """Write `data` at `offset`; if it is None, truncate the file there."""
        self.pending.append((offset, data))

    def sync(self):
        for offset, data in self.pending:
            _put(self.durable, offset, data)
        self.pending = []

    def survivor(self, draw, keep):
        content = bytearray(self.durable)
        for offset, data in self.pending:
            if draw.random() >= keep:
                if data is None or draw.random() < 0.4:
                    continue
                size = draw.randint(0, len(data))
                data = draw.choice([data[:size], data[:size] + bytes(len(data) - size), bytes(len(data))])
            _put(content, offset, data)
        return bytes(content)


def _put(content, offset, data):
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class _Folder:
    def __init__(self):
        self.durable, self.now, self.pending = {}, {}, []

    def change(self, names):
        """Make `names` refer to other files, or to nothing where None, all at once."""
        _name(self.now, names)
        self.pending.append(names)

    def sync(self):
        self.durable, self.pending = dict(self.now), []

    def survivor(self, draw, keep):
        entries = dict(self.durable)
        for names in self.pending:
            if draw.random() < keep:
                _name(entries, names)
        return entries


def _name(entries, names):
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class Power:
    """Follow the operations on a disk, and write what is left on it after a loss of power."""

    def __init__(self, root):
        """Take everything that is in `root` now as stored on the disk."""
        self._root, self._top, self._open = Path(root), _found(Path(root)), {}

    def _at(self, path):
        node = self._top
        for name in path.relative_to(self._root).parts:
            node = node.now[name]
        return node

    def follow(self, operation):
        """Apply `operation`, which was carried out on the real disk."""
        kind, path = operation.kind, operation.path
        if kind == "sync folder":
            self._at(path).sync()
            return
        if path == self._root:
            return
        parent = self._at(path.parent)
        if kind == "mkdir":
            parent.change({path.name: _Folder()})
        elif kind == "create" and path.name in parent.now:
            self._open[operation.file] = parent.now[path.name]
            self._open[operation.file].change(0, None)
        elif kind == "create":
            self._open[operation.file] = _File()
            parent.change({path.name: self._open[operation.file]})
        elif kind == "open" and operation.file >= 0:
            self._open[operation.file] = parent.now[path.name]
        elif kind == "write":
            self._open[operation.file].change(operation.offset, operation.data)
        elif kind == "truncate":
            self._open[operation.file].change(operation.offset, None)
        elif kind == "fsync":
            self._open[operation.file].sync()
        elif kind == "rename":
            assert path.parent == operation.target.parent, "a rename between folders is not modelled"
            parent.change({path.name: None, operation.target.name: parent.now[path.name]})
        elif kind in ("unlink", "rmdir"):
            parent.change({path.name: None})

    def lost(self, draw, keep, where):
        """Write what is left to the folder `where`; an unsynced change survives with probability `keep`."""
        _write_down(self._top, draw, keep, Path(where))


def _found(path):
    if path.is_dir():
        node = _Folder()
        node.durable = {entry.name: _found(entry) for entry in path.iterdir() if not entry.name.startswith(LOCK)}
        node.now = dict(node.durable)
    else:
        node = _File()
        node.durable = bytearray(path.read_bytes())
    return node


def _write_down(folder, draw, keep, where):
    where.mkdir()
    for name, node in folder.survivor(draw, keep).items():
        if isinstance(node, _Folder):
            _write_down(node, draw, keep, where / name)
        else:
            (where / name).write_bytes(node.survivor(draw, keep))
