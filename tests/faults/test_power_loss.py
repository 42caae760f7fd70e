"""Power is lost at any moment: a run is never lost, and resumes no earlier than from the last save that returned."""

import random
import shutil
from contextlib import closing, suppress

import pytest

from descenso.errors import CheckpointError, DescensoError
from descenso.runs.checkpoints import STATE, Position, is_empty, newest
from descenso.runs.directory import open_directory
from lives import (
    EXPORTED,
    after,
    assert_readable,
    diverge,
    export,
    exported,
    finish,
    first_sitting,
    go_on,
    is_there,
    made,
    save,
    spoil,
    start,
)
from material import assert_newest, leftovers, names
from power import Power
from shim import Crash, Disk, Fault


def nothing(run, position):
    """Leave the run without an end, as if interrupted."""


MADE = Position(-1, 0)  # the run exists, and no save has returned


class Life:
    """A run with kills, damage and ends drawn by `draw`.

    `floors` holds the earliest position to resume from, by the number of operations done.
    """

    def __init__(self, path, draw, floor):
        self.path, self.draw = path, draw
        self.disk, self.floors = Disk(path.parent), [(0, floor)]

    def lead(self):
        with self.disk.mounted():
            for _ in range(self.draw.randint(1, 4)):
                self.sitting()
                if self.draw.random() < 0.3:
                    self.damage()

    def sitting(self):
        """Run some saves, perhaps with a crash at some operation."""
        if self.draw.random() < 0.6:
            at = len(self.disk.operations) + self.draw.randint(0, 60)
            self.disk.fault = Fault(self.draw.choice(["crash before", "torn write", "crash after"]), at)
        run = None
        with suppress(Crash):
            run, position = self.begin()
            self.walk(run, position)
        self.disk.bury()
        if run:
            run.close()

    def begin(self):
        if is_there(self.path):
            assert_readable(self.path)
            run, position = go_on(self.path)
            assert self.floors[-1][1] is None or position >= self.floors[-1][1]
            return run, position
        assert self.floors[-1][1] is None, "the run is gone"
        if self.path.exists():  # left by a killed `create`; removing it is up to its owner
            shutil.rmtree(self.path)
        started = start(self.path)
        self.promise(MADE)
        return started

    def walk(self, run, position):
        if position == (0, 0):
            save(run, position)
            self.promise(position)
        for _ in range(self.draw.randint(1, 6)):
            position = after(position, self.draw.randint(1, 4))
            save(run, position)
            self.promise(position)
        self.draw.choice([finish, diverge, nothing])(run, position)

    def promise(self, floor):
        self.floors.append((len(self.disk.done), floor))

    def damage(self):
        """Damage the newest checkpoint if there is an older valid one, and lower the promised position."""
        store = self.path / "checkpoints"
        found = sorted(store.glob("[0-9]*"))
        if len(found) < 2 or newest(store)[1] or not is_there(self.path):  # or one is damaged already
            return
        before = self.floors[-1][1]
        self.promise(None)
        spoil(found[-1] / STATE)
        try:
            self.promise(newest(store)[0].position)
        except CheckpointError:  # the older one is damaged already: repair this one
            spoil(found[-1] / STATE)
            self.promise(before)

    def floor(self, cut):
        return [floor for since, floor in self.floors if since <= cut][-1]


def assert_survives(seed, folder):
    """Lose power twice in the life of a run drawn from `seed`, each time before a random operation.

    The second half of its life begins with what the first loss left.
    """
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    told, floor = f"seed {seed}", None
    (folder / "0").mkdir(parents=True)
    try:
        for number in range(2):
            place = folder / str(number)
            power, life = Power(place), Life(place / "run", draw, floor)
            life.lead()
            done = life.disk.done
            cut, keep = draw.randint(0, len(done)), draw.choice([0, 0.5, 0.9, 1, draw.random()])
            for operation in done[:cut]:
                power.follow(operation)
            power.lost(draw, keep, folder / str(number + 1))
            floor = life.floor(cut)
            told += f"; cut before operation {cut} of {len(done)}, keeping {keep:.2f}"
            told += "".join(f", after {kind} {path}" for kind, path, *_ in done[:cut][-1:])
        assert_as_promised(folder / "2" / "run", floor)
    except (AssertionError, DescensoError) as error:
        raise AssertionError(f"{told}: {error}") from error
    shutil.rmtree(folder)  # there are hundreds of them


def assert_as_promised(path, floor):
    """Check that the run resumes from a save no earlier than `floor`, and ends without temporary files."""
    if not is_there(path):
        assert floor is None, "the run is gone"
        return
    assert_readable(path)
    with Disk(path.parent).mounted():  # saves the time of syncing
        run, position = go_on(path)  # compares every bit with what was written
        with closing(run):
            assert floor is None or position >= floor, f"{position} is earlier than {floor}"
            if position == (0, 0):
                save(run, position)
            for _ in range(2):
                position = after(position)
                save(run, position)
            finish(run, position)
    assert leftovers(path) == []
    assert_newest(path / "checkpoints", made(position))


@pytest.mark.parametrize(("end", "outcome"), [(finish, "completed"), (diverge, "diverged")])
def test_an_outcome_survives_a_loss_of_power(end, outcome, tmp_path):
    """A loss of power does not undo the outcome of a run, although weights of an earlier outcome are there."""
    place = tmp_path / "before"
    position = first_sitting(place / "run")
    with closing(go_on(place / "run")[0]) as run:
        finish(run, position)
    power, disk = Power(place), Disk(place)
    with disk.mounted(), closing(go_on(place / "run")[0]) as run:
        end(run, after(position))
    for operation in disk.done:
        power.follow(operation)
    power.lost(random.Random(0), 0, tmp_path / "after")  # noqa: S311 - nothing is drawn
    assert_readable(tmp_path / "after" / "run")
    assert open_directory(tmp_path / "after" / "run").status["outcome"] == outcome


def test_an_export_survives_a_loss_of_power(tmp_path):
    """All files are kept, those in a subfolder too."""
    place = tmp_path / "before"
    place.mkdir()
    power, disk = Power(place), Disk(place)
    with disk.mounted():
        export(place / "new" / "exported")
    for operation in disk.done:
        power.follow(operation)
    power.lost(random.Random(0), 0, tmp_path / "after")  # noqa: S311 - nothing is drawn
    assert exported(tmp_path / "after" / "new" / "exported") == EXPORTED


def test_a_dropped_checkpoint_does_not_come_back(tmp_path):
    """If a dropped checkpoint came back and became readable, it would refer to a history that was cut since."""
    place = tmp_path / "before"
    damaged = made(first_sitting(place / "run")).position
    path = place / "run" / "checkpoints" / f"{damaged.epoch:08}-{damaged.step:010}"
    spoil(path / STATE)
    power, disk = Power(place), Disk(place)
    with disk.mounted():
        run, position = go_on(place / "run")
        run.close()
    assert position < damaged
    for operation in disk.done:
        power.follow(operation)
    power.lost(random.Random(0), 0, tmp_path / "after")  # noqa: S311 - nothing is drawn
    assert path.name not in names(tmp_path / "after" / "run" / "checkpoints")


def assert_what_is_there_is_kept(folder):
    """Interrupt a first save before each operation, repeat it, and check that a loss of power does not undo it then.

    If only the name was not synced, the second save finds the checkpoint and has nothing to write.
    """
    for at in range(100):
        place = folder / str(at)
        place.mkdir(parents=True)
        power, disk = Power(place), Disk(place)
        with disk.mounted():
            run, position = start(place / "run")
            disk.fault = Fault("crash before", len(disk.operations) + at)
            with suppress(Crash):
                save(run, position)
            finished = not disk.dead
            disk.bury()
            run.close()
            run, position = go_on(place / "run")
            save(run, position)
            run.close()
        for operation in disk.done:
            power.follow(operation)
        power.lost(random.Random(0), 0, place / "after")  # noqa: S311 - nothing is drawn
        assert not is_empty(place / "after" / "run" / "checkpoints"), f"crash before operation {at}"
        if finished:
            assert at > 10
            return
    raise AssertionError("a save of more than 100 operations")


def test_a_save_that_was_interrupted_can_be_repeated(tmp_path):
    assert_what_is_there_is_kept(tmp_path)


@pytest.mark.parametrize("seed", range(50))
def test_power_losses(seed, tmp_path):
    assert_survives(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_500_power_losses(block, tmp_path):
    for seed in range(1000 + 50 * block, 1050 + 50 * block):
        assert_survives(seed, tmp_path / str(seed))
