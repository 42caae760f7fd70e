"""Each bomb is refused with the documented message, in little time and memory."""

import json
import re
import sys

import pytest

from bombs import BOMBS
from child import MEMORY, SECONDS
from descenso.api.run import open_run
from formats import make_run
from powder import draw, listed


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name, reader, tmp_path):
    bomb = BOMBS[name]
    bomb.make(tmp_path)
    answer = reader.ask("bomb", name, str(tmp_path))
    if answer.get("bytes", MEMORY) >= MEMORY:
        reader.end()  # its peak would count for the next bombs
    assert "broke" not in answer, answer["broke"]
    assert "refused" in answer, answer
    assert re.fullmatch(bomb.told, answer["message"]), answer["message"]
    assert answer["refused"] == bomb.refused
    assert answer["seconds"] < SECONDS
    assert answer["bytes"] < MEMORY


def test_there_are_at_least_40_bombs():
    assert len(BOMBS) >= 40


def test_listing_a_run_does_not_import_the_module_of_its_model(tmp_path, monkeypatch):
    """The model may be a user's function, whose module is not imported just to look at the run."""
    make_run(tmp_path)
    config = tmp_path / "run" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model": "planted:made"}))
    (tmp_path / "planted.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert repr(open_run(tmp_path / "run")).startswith("<Run ")
    assert listed(tmp_path) == ["completed"]
    assert draw(tmp_path / "run")
    assert "planted" not in sys.modules
