"""The directory of a sweep: its lanes, the ledger of those that have ended, and the weights of all.

<sweep>/  sweep.json  ledger.jsonl  table.csv  plots/
          weights/<group>.safetensors   of the lanes of a group that has ended
          courses/<group>.safetensors   of a group that is being trained
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import ValidationError

from descenso.config import BEFORE, TrainConfig, complaint
from descenso.errors import DataError
from descenso.files import disk_errors, inside, make_folder, open_regular, sweep, write_file
from descenso.runs.files import SWEEP, fresh_folder, is_sweep, locked, portable_name, refuse_full
from descenso.runs.trained import read_weights, weights_bytes
from descenso.studies.sweep import ledger
from descenso.studies.sweep.grid import Lane, digest
from descenso.studies.sweep.halving import Rung
from descenso.studies.sweep.ledger import Record
from descenso.text import _, reason_of

SCHEMA = 1
BEST = "best.json"
MOST_BYTES = 2**27
Arrays = Mapping[str, NDArray[np.generic]]


class SweepDirectory:
    """A sweep on disk.

    Args:
        path: the directory.
        lock: held while the sweep is trained; None for reading.

    Attributes:
        lanes: all lanes, in order.
        groups: numbers of the lanes that are trained as one program, in order.
        rungs: at which lanes are dropped; none without halving.
        audit: whether dropped lanes are trained to the end all the same.
        about: what must match for the lanes to go on to the same bits; see `training.session.circumstances`.
        notes: how the data was read, and lanes were divided, in sentences.
        how_read: settings by which rows in memory became the dataset.
        verify, keep: which lanes to train again alone; see `descenso.sweep`.
        at_once: how many lanes to train at once, as a trial found; 0 where none was made.
        entries: what the ledger holds.
        records: of the lanes that have ended, by number.
    """

    def __init__(self, path: Path, lock: FileLock | None = None) -> None:
        self.path, self._lock = path, lock
        content = _read(path)
        try:
            common = content["config"]
            self.lanes = tuple(_lane({**common, **each["config"]}, each["varied"]) for each in content["lanes"])
            self.groups = tuple(tuple(map(int, group)) for group in content["groups"])
            self.about, self.notes = dict(content["about"]), tuple(map(str, content["notes"]))
            self.rungs = tuple(Rung(*map(int, rung)) for rung in content.get("rungs", ()))
            self.audit, self.how_read = bool(content.get("audit")), dict(content.get("how_read", {}))
            self.verify, self.keep = str(content.get("verify", "2")), str(content.get("keep", "none"))
            self.at_once = int(content.get("at_once", 0))
            named = sorted(number for group in self.groups for number in group)
            if content["schema"] != SCHEMA or named != list(range(len(self.lanes))):
                raise ValueError(f"schema {content['schema']}")
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(path / SWEEP, error) from None
        self.entries, self.records = list[dict[str, Any]](), dict[int, Record]()
        self._take(ledger.read(path))

    @property
    def epochs(self) -> int:
        """The largest number of epochs of a lane."""
        return max(lane.config.epochs for lane in self.lanes)

    @property
    def decided(self) -> list[dict[str, Any]]:
        """The rungs that were reached: `dropped`, the lanes dropped there, and `groups`, lanes that go on, by group."""
        return [entry["rung"] for entry in self.entries if "rung" in entry]

    @property
    def going(self) -> list[list[int]]:
        """The lanes of each group that are trained up to the next rung, or to the end."""
        decided = self.decided
        return decided[-1]["groups"] if decided else [list(group) for group in self.groups]

    @property
    def drops(self) -> dict[int, int]:
        """The number of the rung, from 1, at which a lane was dropped."""
        return {lane: number for number, rung in enumerate(self.decided, start=1) for lane in rung["dropped"]}

    def reached(self, epochs: int) -> dict[int, float]:
        """Return the scores of lanes of groups that have been trained for so many epochs, infinite if they diverged."""
        lines = [entry["reached"] for entry in self.entries if "reached" in entry]
        pairs = (pair for line in lines if line["epochs"] == epochs for pair in line["scores"])
        return {lane: math.inf if score is None else score for lane, score in pairs}

    def append(self, entries: Sequence[dict[str, Any]]) -> None:
        """Append entries to the ledger, and sync it."""
        ledger.append(self.path, entries)
        self._take(entries)

    def _take(self, entries: Sequence[dict[str, Any]]) -> None:
        found = ledger.records(entries)
        self.entries += entries
        self.records |= {number: found[lane.name] for number, lane in enumerate(self.lanes) if lane.name in found}

    def course_path(self, group: int) -> Path:
        """Return the path of the course of a group."""
        return self._folder("courses") / f"{group}.safetensors"

    def write_arrays(self, path: Path, arrays: Arrays) -> None:
        """Write arrays to a file of this directory, atomically."""
        write_file(path, weights_bytes(dict(arrays), {"schema": str(SCHEMA)}))

    def read_course(self, group: int) -> dict[str, NDArray[np.generic]] | None:
        """Read the course of a group, or None where there is none.

        Raises:
            DataError: if it is damaged.
        """
        path = self.course_path(group)
        return read_weights(path)[0] if path.is_file() else None

    def drop_course(self, group: int) -> None:
        """Remove the course of a group whose lanes have all ended."""
        path = self.course_path(group)
        with disk_errors(path):
            path.unlink(missing_ok=True)

    def write_weights(self, group: int, lanes: Mapping[int, Arrays]) -> None:
        """Write the weights of lanes of a group, beside those of its others."""
        path = self._folder("weights") / f"{group}.safetensors"
        arrays = read_weights(path)[0] if path.is_file() else {}
        arrays |= {f"{number}/{name}": value for number, of in lanes.items() for name, value in of.items()}
        self.write_arrays(path, arrays)

    def weights(self, number: int) -> dict[str, NDArray[np.generic]]:
        """Read the weights of a lane, in the user's form; {} if it diverged.

        Raises:
            DataError: if they are damaged, or there are none.
        """
        group = next(place for place, group in enumerate(self.groups) if number in group)
        arrays, _about = read_weights(inside(self.path, "weights", f"{group}.safetensors"))
        return {name.partition("/")[2]: value for name, value in arrays.items() if name.startswith(f"{number}/")}

    def write_table(self) -> None:
        """Write `table.csv`, a row for each lane that has ended; a pure function of lanes and ledger."""
        file, records = io.StringIO(), self.records
        varied = list(self.lanes[0].varied)
        measures = (
            "outcome",
            "cost",
            "validation_cost",
            "test_accuracy",
            "diverged_epoch",
            "diverged_step",
            "fingerprint",
        )
        writer, drops = csv.writer(file, lineterminator="\n"), self.drops
        halving = ["dropped_at_rung", "epochs"] if self.rungs else []
        writer.writerow(["lane", *varied, *measures, *halving])
        for number, record in sorted(records.items()):
            epoch, step = record.diverged_at or ("", "")
            validation = record.validation_costs[-1] if record.validation_costs else ""
            cost = "" if record.outcome == "diverged" else record.costs[-1]
            accuracy = "" if record.test_accuracy is None else record.test_accuracy
            cells = [record.outcome, cost, validation, accuracy, epoch, step, record.fingerprint or ""]
            cells += [drops.get(number, ""), len(record.costs)] if halving else []
            writer.writerow([number, *(self.lanes[number].varied[name] for name in varied), *cells])
        write_file(self.path / "table.csv", file.getvalue().encode())

    def write_best(self, number: int) -> None:
        """Write the settings of the best lane to `best.json`, which `descenso train --config` takes."""
        text = json.dumps(self.lanes[number].config.model_dump(), indent=2, ensure_ascii=False, allow_nan=False)
        write_file(self.path / BEST, f"{text}\n".encode())

    def plot_path(self, name: str) -> Path:
        """Return the path of the picture `name`, and make its folder."""
        return self._folder("plots") / name

    def _folder(self, name: str) -> Path:
        folder = inside(self.path, name)
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        return folder

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()


def create(
    lanes: Sequence[Lane], groups: Sequence[Sequence[int]], about: Mapping[str, Any], out: Path | None
) -> SweepDirectory:
    """Make and lock the directory of a new sweep.

    Args:
        lanes, groups: see `SweepDirectory`.
        about: its attributes `about`, `notes`, `rungs`, `audit`, `how_read`, `verify`, `keep` and `at_once`.
        out: its path; by default `runs/<dataset>-<model>-sweep-<number>`.

    Raises:
        ConfigError: if `out` exists and is not an empty directory.
        DiskError: if it cannot be made.
    """
    config = lanes[0].config
    stem = portable_name(f"{Path(config.data).stem}-{config.model}-sweep")
    path = fresh_folder(Path("runs"), stem) if out is None else out
    make_folder(path)
    lock = locked(path)
    try:
        refuse_full(path)
        common = config.model_dump()
        rows = [
            {"config": {k: v for k, v in lane.config.model_dump().items() if v != common[k]}, "varied": lane.varied}
            for lane in lanes
        ]
        content = {"schema": SCHEMA, "config": common, "lanes": rows, "groups": groups, **about}
        write_file(path / SWEEP, (json.dumps(content, allow_nan=False) + "\n").encode())
    except BaseException:  # Ctrl-C too: the directory must not stay locked
        lock.release()
        raise
    return SweepDirectory(path, lock)


def reopen(path: Path) -> SweepDirectory:
    """Open and lock the sweep at `path` to resume it.

    Raises:
        DataError: if there is none, or it is damaged.
        RunInUse: if another process is training it.
    """
    _read(path)
    lock = locked(path)
    try:
        for folder in (path, *(path / name for name in ("weights", "courses", "plots"))):
            sweep(folder)
        ledger.cut(path)
        return SweepDirectory(path, lock)
    except BaseException:  # as above
        lock.release()
        raise


def _read(path: Path) -> dict[str, Any]:
    if not is_sweep(path):
        raise DataError(_("{path}: there is no sweep; `descenso runs` lists those there are").format(path=path))
    try:
        with open_regular(path / SWEEP, MOST_BYTES) as file:
            content = json.loads(file.read().decode("utf-8"))
        if not isinstance(content, dict):
            raise ValueError(_("no JSON object"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path / SWEEP, error) from None
    return content


def _lane(settings: dict[str, Any], varied: Mapping[str, Any]) -> Lane:
    """Make a lane of the settings in a sweep's file, which give it its name also where there are more of them now."""
    try:
        config = TrainConfig.model_validate(settings, context=BEFORE)
    except ValidationError as error:
        raise ValueError(complaint(error)) from None
    return Lane(digest(settings), config, {name: getattr(config, name) for name in varied})


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason_of(error)))
