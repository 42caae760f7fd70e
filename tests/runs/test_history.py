"""The history of a run: its lines, damage, and an incomplete last line."""

import json
import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from descenso.errors import DataError
from descenso.runs.history import Epoch, History, read_history

VALIDATED = st.none() | st.floats(0, 1e6)
EPOCHS = st.builds(
    Epoch, st.integers(0, 10**9), st.floats() | st.just(math.nan), st.floats(0, 1e6), VALIDATED, VALIDATED
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("history") / "history.jsonl"


def lines(*epochs):
    return "".join(epoch.line for epoch in epochs)


THREE = (Epoch(0, 2.25, 0.5), Epoch(1, 1.125, 0.25), Epoch(2, 0.1, 0.125))


def test_a_line_is_json_with_these_keys():
    assert Epoch(3, 0.1, 0.5).line == '{"epoch": 3, "cost": 0.1, "seconds": 0.5}\n'
    assert json.loads(Epoch(3, math.nan, 0.5).line, parse_constant=pytest.fail) == {
        "epoch": 3,
        "cost": None,
        "seconds": 0.5,
    }


def test_validation_is_written_where_there_is_any():
    assert Epoch(3, 0.1, 0.5, 0.25, 0.75).line == (
        '{"epoch": 3, "cost": 0.1, "seconds": 0.5, "validation_cost": 0.25, "validation_accuracy": 0.75}\n'
    )
    assert History((Epoch(0, 2.0, 0.5, 0.25, 0.75), Epoch(1, 1.0, 0.5, 0.125, 0.5))).validation_costs == [0.25, 0.125]


@given(st.lists(EPOCHS))
def test_epochs_come_back_to_the_last_bit(scratch, epochs):
    scratch.write_text(lines(*epochs))
    read = read_history(scratch).epochs
    assert len(read) == len(epochs)
    for ours, theirs in zip(read, epochs, strict=True):
        assert ours._replace(cost=0) == theirs._replace(cost=0)
        assert ours.cost == theirs.cost if math.isfinite(theirs.cost) else math.isnan(ours.cost)


def test_costs():
    assert History(THREE).costs == [2.25, 1.125, 0.1]
    assert History(()).costs == []


def test_a_missing_history_has_no_epochs(tmp_path):
    assert read_history(tmp_path / "history.jsonl") == History(())


def test_a_last_line_cut_short_is_left_out(scratch):
    whole = lines(*THREE)
    for length in range(len(whole) + 1):
        scratch.write_text(whole[:length])
        assert read_history(scratch).epochs == THREE[: whole[:length].count("\n")]


@pytest.mark.parametrize("tail", [b"\0" * 500, b'{"epoch": 3, "cost": 1e', b"\x80"[:0], b"garbage"])
def test_an_end_damaged_by_a_power_loss_is_left_out(tail, scratch):
    scratch.write_bytes(lines(*THREE).encode() + tail)
    assert read_history(scratch).epochs == THREE


DAMAGE = {
    "no JSON": "nonsense",
    "an empty line": "",
    "zeros": "\0\0\0",
    "a list": "[]",
    "a number": "5",
    "no cost": '{"epoch": 0, "seconds": 1}',
    "no seconds": '{"epoch": 0, "cost": 1}',
    "no epoch": '{"cost": 1, "seconds": 1}',
    "words": '{"epoch": 0, "cost": "low", "seconds": 1}',
    "a list in it": '{"epoch": 0, "cost": [1], "seconds": 1}',
    "no number that JSON knows": '{"epoch": 0, "cost": NaN, "seconds": 1}',
    "seconds without end": '{"epoch": 0, "cost": 1, "seconds": -Infinity}',
    "a number beyond all": '{"epoch": 0, "cost": 1e999, "seconds": 1}',
    "a line that goes on and on": f'{{"epoch": 0, "cost": 1, "seconds": 1{" " * 4100}}}',
    "an epoch without end": '{"epoch": Infinity, "cost": 1, "seconds": 1}',
    "a cost without end": f'{{"epoch": 0, "cost": 1{"0" * 400}, "seconds": 1}}',
    "more digits than Python reads": f'{{"epoch": 0, "cost": 1{"0" * 5000}, "seconds": 1}}',
    "no bottom": "[" * 100_000,
}


@pytest.mark.parametrize("line", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_damaged_line_is_refused(line, place, scratch):
    whole = lines(*THREE).splitlines()
    scratch.write_text("\n".join([*whole[:place], line, *whole[place:]]) + "\n")
    with pytest.raises(DataError, match=f"^{re.escape(str(scratch))}: damaged history \\(.+\\)$"):
        read_history(scratch)


def test_bytes_that_are_not_utf8(scratch):
    scratch.write_bytes(b"\xff\n" + lines(*THREE).encode())
    with pytest.raises(DataError, match=r"damaged history \('utf-8' codec can't decode byte 0xff"):
        read_history(scratch)


def test_a_history_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"damaged history \(.*Is a directory"):
        read_history(tmp_path)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
@example([(0, 0)])
def test_changed_bytes_are_refused_or_read(scratch, changes):
    content = bytearray(lines(*THREE).encode())
    for where, value in changes:
        content[where % len(content)] = value
    scratch.write_bytes(content)
    try:
        history = read_history(scratch)
    except DataError as error:
        assert str(error).startswith(f"{scratch}: damaged history (")
    else:
        for row in history.epochs:
            assert [type(value) for value in row[:3]] == [int, float, float]
            assert {type(value) for value in row[3:]} <= {float, type(None)}
