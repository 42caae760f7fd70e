"""Each file operation fails in turn: then either the old state is read or the new one, never anything else."""

import errno
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from descenso.errors import CheckpointError, DataError, DiskError
from descenso.files import sweep
from descenso.runs.checkpoints import STATE, Position, newest
from descenso.runs.directory import open_directory
from lives import after, diverge, export, exported, finish, first_sitting, go_on, is_there, made, save, spoil, start
from material import assert_newest, assert_same, leftovers
from shim import Crash, Disk, Fault

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
FAULTS = [  # the fault, and whether all later operations fail too
    ("torn write", False),
    ("crash after", False),
    (errno.ENOSPC, False),
    (errno.ENOSPC, True),
    (errno.EACCES, True),
    pytest.param(errno.EIO, False, marks=pytest.mark.slow),  # handled like a full disk, but with another message
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
    """Append an epoch to the history, and write a checkpoint that replaces an old one."""
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
EXPORT = Path("model", "exported")  # inside the run, which removes temporary files there


def state(path):
    """Return everything that is read from the run, in the order in which it is written."""
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
    """Return every state that can be read while `act` runs without a fault, and the operations it makes."""
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
    """Run `act` on copies of `template`, failing each operation in turn; check that only known states are read."""
    work = folder / "work"
    shutil.copytree(template, work)
    states, operations = steps_between(work, act, state(work))
    assert len(operations) > 5
    for at, operation in enumerate(operations):
        if how == "torn write" and operation.kind != "write":  # no other operation can be half done
            continue
        shutil.rmtree(work)
        shutil.copytree(template, work)
        disk = Disk(work, Fault(how, at, stays))
        told = f"{how}{', from then on' * stays}, at operation {at}: {operation.kind} {operation.path.name}"
        with disk.mounted():
            assert_told(disk, act, work, told)
        assert disk.operations[at].kind == operation.kind, told
        assert state(work) in states, told
        if isinstance(how, int) and not stays and operation.kind not in ("unlink", "rmdir"):  # it could clean up
            assert leftovers(work) == [], told
        with Disk(work).mounted():  # saves the time of syncing
            assert_goes_on(work, told)


def assert_told(disk, act, work, told):
    """Check that a crash is a crash, and that an error of the system becomes a DiskError that names the file."""
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
    """Check that, without the fault, the run is resumed to its end and leaves no temporary files."""
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
    """There is either no run or a complete one."""
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


def test_no_readable_checkpoint_is_an_error(tmp_path):
    first_sitting(tmp_path / "run")
    for folder in (tmp_path / "run" / "checkpoints").iterdir():
        spoil(folder / STATE)
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        go_on(tmp_path / "run")


def test_a_sweep_that_fails_raises_an_error(tmp_path):
    (tmp_path / "folder" / ".a.1.tmp").mkdir(parents=True)
    (tmp_path / "folder" / ".b.1.tmp").touch()
    for how in ERRORS:
        for at in range(2):
            with Disk(tmp_path, Fault(how, at)).mounted(), pytest.raises(DiskError, match=r"\.[ab]\.1\.tmp: "):
                sweep(tmp_path / "folder")
            (tmp_path / "folder" / ".a.1.tmp").mkdir(exist_ok=True)
    sweep(tmp_path / "folder")
    assert leftovers(tmp_path) == []
