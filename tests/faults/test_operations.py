"""Every operation on files failed in turn: the old state loads or the new one, never a third."""

import errno
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from descenso.errors import CheckpointError, DataError, DiskError
from descenso.runs.checkpoints import STATE, Position, newest
from descenso.runs.directory import open_directory
from descenso.runs.files import sweep
from lives import after, diverge, export, exported, finish, first_sitting, go_on, is_there, made, save, spoil, start
from material import assert_newest, assert_same, leftovers
from shim import Crash, Disk, Fault

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
FAULTS = [  # what happens, and whether it goes on happening
    ("torn write", False),
    ("crash after", False),
    (errno.ENOSPC, False),
    (errno.ENOSPC, True),
    (errno.EACCES, True),
    pytest.param(errno.EIO, False, marks=pytest.mark.slow),  # treated as a full disk is, but for its words
    pytest.param("crash before", False, marks=pytest.mark.slow),  # nearly a crash after the operation before
    pytest.param(errno.EIO, True, marks=pytest.mark.slow),
    pytest.param(errno.EACCES, False, marks=pytest.mark.slow),
]


def began(path):
    first_sitting(path)


def began_and_damaged(path):
    first_sitting(path)
    spoil(path / "checkpoints" / "00000001-0000000002" / STATE)


def began_and_finished(path):
    first_sitting(path)
    run, position = go_on(path)
    with closing(run):
        finish(run, position)


def saves(path):
    """An epoch's line, and a checkpoint that pushes an old one out."""
    run, position = go_on(path)
    with closing(run):
        save(run, after(position))


def ends(path):
    run, position = go_on(path)
    with closing(run):
        finish(run, position)


def ends_otherwise(path):
    run, position = go_on(path)
    with closing(run):
        diverge(run, position)


def goes_on(path):
    go_on(path)[0].close()


def exports(path):
    export(path / EXPORT)


SCENES = {
    "save and rotate": (began, saves),
    "resume": (began, goes_on),
    "resume behind a damaged one": (began_and_damaged, goes_on),
    "finish": (began, ends),
    "finish again": (began_and_finished, ends),
    "diverge": (began_and_finished, ends_otherwise),
    "export": (began, exports),
}
EXPORT = Path("model", "exported")  # in the run, which sweeps up after it


def state(path):
    """All that a reader finds, in the order in which it is written."""
    run = open_directory(path)
    found, _ = newest(run.checkpoints)
    assert_same(found, made(found.position))
    committed = found.about["history_bytes"]
    history = (path / "history.jsonl").read_bytes()[:committed]
    assert len(history) == committed, "the history lost what was committed"
    assert len(run.history.epochs) >= found.position.epoch
    try:
        weights = {name: array.tobytes() for name, array in run.weights()[0].items()}
    except DataError as error:
        assert "no weights were kept" in str(error)
        weights = None
    return weights, run.status, run.config, run.environment, found.position, exported(path / EXPORT)


def steps_between(path, act, before):
    """Every state that a reader may see while `act` goes on undisturbed, and the operations there are."""
    seen = [before]

    class Watched(Disk):
        def do(self, operation, change, tear=None):
            result = super().do(operation, change, tear)
            if (now := state(path)) != seen[-1]:
                seen.append(now)
            return result

    with Watched(path).mounted() as disk:
        act(path)
    return seen, disk.operations


def assert_only_told_states(template, act, how, stays, folder):
    """`act` on a copy of `template`, with each of its operations failed in turn by `how`."""
    work = folder / "work"
    shutil.copytree(template, work)
    states, operations = steps_between(work, act, state(work))
    assert len(operations) > 5
    for at, operation in enumerate(operations):
        if how == "torn write" and operation.kind != "write":  # no other is done by half
            continue
        shutil.rmtree(work)
        shutil.copytree(template, work)
        disk = Disk(work, Fault(how, at, stays))
        told = f"{how}{', from then on' * stays}, at operation {at}: {operation.kind} {operation.path.name}"
        with disk.mounted():
            assert_told(disk, act, work, told)
        assert disk.operations[at].kind == operation.kind, told
        assert state(work) in states, told
        if isinstance(how, int) and not stays and operation.kind not in ("unlink", "rmdir"):  # it had time to clear up
            assert leftovers(work) == [], told
        with Disk(work).mounted():  # which only spares the time of syncing
            assert_goes_on(work, told)


def assert_told(disk, act, work, told):
    """A crash is a crash; an error arrives as our own, and names what could not be written."""
    try:
        act(work)
    except Crash:
        assert disk.dead, told
    except DiskError as error:
        assert not disk.dead, told
        assert error.exit_code == 5, told
        named = str(error).split(": ")[0]
        assert named.startswith(str(work)), f"{told}: {error}"
        assert not named.endswith(".tmp"), f"{told}: {error}"
        assert ("the disk is full" in str(error)) == (disk.fault.how == errno.ENOSPC), f"{told}: {error}"
    else:
        raise AssertionError(f"{told}: nobody was told")


def assert_goes_on(work, told):
    """With the fault gone, the run goes on and ends, and nothing lies about."""
    run, position = go_on(work)
    with closing(run):
        assert leftovers(work) == [], told
        for _ in range(2):
            position = after(position)
            save(run, position)
        finish(run, position)
    assert_newest(work / "checkpoints", made(position))
    assert open_directory(work).status["outcome"] == "completed", told
    assert leftovers(work) == [], told


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("how", "stays"), FAULTS, ids=lambda value: str(value))
def test_every_operation(scene, how, stays, tmp_path):
    prepare, act = SCENES[scene]
    with Disk(tmp_path).mounted():
        prepare(tmp_path / "template")
    assert_only_told_states(tmp_path / "template", act, how, stays, tmp_path)


@pytest.mark.parametrize(("how", "stays"), FAULTS, ids=lambda value: str(value))
def test_every_operation_of_the_beginning(how, stays, tmp_path):
    """There is no run, or a whole one."""
    with Disk(tmp_path).mounted() as disk:
        start(tmp_path / "deep" / "run")[0].close()
    for at in range(len(disk.operations)):
        path = tmp_path / str(at) / "run"
        disk = Disk(tmp_path, Fault(how, at, stays))
        with disk.mounted():
            assert_told(disk, lambda path: start(path)[0].close(), path, f"{how} at operation {at}")
        if not is_there(path):
            continue
        run = open_directory(path)
        assert (run.status, run.outcome) == ({"outcome": "running", "epochs_done": 0}, "killed")
        with Disk(tmp_path).mounted():
            run, position = go_on(path)
            with closing(run):
                save(run, position)
        assert_newest(path / "checkpoints", made(Position(0, 0)))
        assert leftovers(path) == []


def test_without_any_checkpoint_that_can_be_read_it_is_an_error(tmp_path):
    first_sitting(tmp_path / "run")
    for folder in (tmp_path / "run" / "checkpoints").iterdir():
        spoil(folder / STATE)
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        go_on(tmp_path / "run")


def test_a_sweep_that_fails_is_told(tmp_path):
    (tmp_path / "folder" / ".a.1.tmp").mkdir(parents=True)
    (tmp_path / "folder" / ".b.1.tmp").touch()
    for how in ERRORS:
        for at in range(2):
            with Disk(tmp_path, Fault(how, at)).mounted(), pytest.raises(DiskError, match=r"\.[ab]\.1\.tmp: "):
                sweep(tmp_path / "folder")
            (tmp_path / "folder" / ".a.1.tmp").mkdir(exist_ok=True)
    sweep(tmp_path / "folder")
    assert leftovers(tmp_path) == []
