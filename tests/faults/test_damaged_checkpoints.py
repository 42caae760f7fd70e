"""Damaged checkpoints: any lost or changed bit is detected, and the previous checkpoint is used."""

import random

import pytest

from descenso.errors import CheckpointError
from descenso.runs.checkpoints import MANIFEST, STATE, newest, prepare, read_checkpoint, write_checkpoint
from material import assert_newest, assert_same, checkpoint

SEED = 20260


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two checkpoints; a test that damages the newer one restores it."""
    folder = tmp_path_factory.mktemp("damage") / "checkpoints"
    prepare(folder)
    for epoch in (1, 2):
        write_checkpoint(folder, checkpoint(epoch, 4))
    return folder


def assert_seen(path, content, told):
    """Check that `content` in `path` is reported as damaged, and that the previous checkpoint is read instead."""
    store, sound = path.parent.parent, path.read_bytes()
    assert content != sound, told
    path.write_bytes(content)
    try:
        assert_newest(store, checkpoint(1, 4), damaged=[path])
    except AssertionError as error:
        raise AssertionError(f"{told}: {error}") from error
    finally:
        path.write_bytes(sound)


@pytest.mark.parametrize("name", [STATE, MANIFEST])
def test_every_truncation(name, store):
    path = store / "00000002-0000000004" / name
    sound = path.read_bytes()
    assert len(sound) > 300
    for size in range(len(sound)):
        assert_seen(path, sound[:size], f"{name} cut to {size} bytes")
    assert_newest(store, checkpoint(2, 4))


@pytest.mark.parametrize("name", [STATE, MANIFEST])
@pytest.mark.parametrize("extra", [b"\0", b"\n", b" ", b"{}"])
def test_something_added(name, extra, store):
    path = store / "00000002-0000000004" / name
    assert_seen(path, path.read_bytes() + extra, f"{extra!r} after {name}")
    assert_seen(path, extra + path.read_bytes(), f"{extra!r} before {name}")


def turned(sound, draw):
    """Return `sound` with one to four bits flipped, a part zeroed, duplicated or moved, or a few bytes overwritten."""
    content, kind = bytearray(sound), draw.choice(["bits", "bits", "zeros", "bytes", "doubled", "swapped"])
    where, size = draw.randrange(len(sound)), draw.randint(1, 64)
    if kind == "zeros":
        content[where : where + size] = bytes(len(content[where : where + size]))
    elif kind == "bytes":
        content[where : where + size] = draw.randbytes(size)
    elif kind == "doubled":
        content[where:where] = content[where : where + size]
    elif kind == "swapped":
        content = content[where:] + content[:where]
    if kind == "bits" or content == sound:
        for bit in draw.sample(range(8 * len(sound)), draw.randint(1, 4)):
            content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def assert_all_seen(store, seed, count):
    """Check that `count` damages drawn from `seed` are all detected."""
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    for number in range(count):
        path = store / "00000002-0000000004" / draw.choice([STATE, MANIFEST])
        assert_seen(path, turned(path.read_bytes(), draw), f"seed {seed}, damage {number}, {path.name}")
    assert_newest(store, checkpoint(2, 4))


def test_random_damage(store):
    assert_all_seen(store, SEED, 300)


@pytest.mark.slow
def test_2000_random_damages(store):
    assert_all_seen(store, SEED + 1, 2000)


def test_both_damaged_is_an_error_and_never_a_guess(store):
    draw = random.Random(SEED + 2)  # noqa: S311 - as above
    paths = [store / f"0000000{epoch}-0000000004" / name for epoch in (1, 2) for name in (STATE, MANIFEST)]
    sound = {path: path.read_bytes() for path in paths}
    for number in range(50):
        for epoch in (1, 2):
            path = store / f"0000000{epoch}-0000000004" / draw.choice([STATE, MANIFEST])
            path.write_bytes(turned(sound[path], draw))
        with pytest.raises(CheckpointError, match="no valid checkpoint") as caught:
            newest(store)
        assert caught.value.exit_code == 7, f"seed {SEED + 2}, damage {number}"
        for path in paths:
            path.write_bytes(sound[path])
    assert_same(read_checkpoint(store / "00000001-0000000004"), checkpoint(1, 4))
