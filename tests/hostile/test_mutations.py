"""Thousands of damaged files: each is either read correctly or refused with the documented error."""

import pytest

from formats import FORMATS

PLAIN, SLOW = -(-1_500 // len(FORMATS)), -(-30_000 // len(FORMATS))  # mutations of each format

ABORTS = {  # as SECURITY.md states
    "Parquet of images": pytest.mark.skip(
        "polars ends the process where a damaged file asks for more memory than there is"
    )
}


def attempt_all(reader, name, first, count, folder):
    """Try `count` mutations from number `first` on, and return how many were read."""
    number = folder / "number"  # the last mutation begun
    number.write_text("-1")
    answer = reader.ask("mutations", name, first, count, str(folder))
    last = int(number.read_text())
    again = f"python tests/hostile/child.py {name!r} {last}"
    assert "broke" not in answer, f"{name}, mutation {last}: {answer['broke']}\nalone: {again}"
    assert last == first + count - 1
    return answer["read"]


@pytest.mark.parametrize("name", FORMATS)
def test_mutations(name, reader, tmp_path):
    read = attempt_all(reader, name, 0, PLAIN, tmp_path)
    assert read < PLAIN, "nothing was refused: the mutations do no harm"


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=ABORTS.get(name, ())) for name in FORMATS])
def test_many_mutations(name, reader, tmp_path):
    """The mutations are numbered after those of the plain test."""
    read = attempt_all(reader, name, PLAIN, SLOW, tmp_path)
    assert 0 < read < SLOW, "all were read, or none: the mutations are too mild or too harsh"
