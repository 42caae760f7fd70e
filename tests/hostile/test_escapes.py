"""Names with control sequences of terminals: such folders, runs and labels can be used, and are shown escaped."""

import json
import os
import pty
import shutil
import subprocess
import sys
import unicodedata

import pytest
from PIL import Image

from samples import tiny_dataset

pytestmark = pytest.mark.slow  # TensorFlow starts three times

COMMANDS = {  # what a terminal would interpret, and how it is shown
    "\x1b[35;7m": r"\x1b[35;7m",  # colours
    "\x1b]0;owned\x07": r"\x1b]0;owned\x07",  # window title
    "\x9b2J": r"\x9b2J",  # a single byte: clears the screen
    "\r\x08\x7f": r"\r\x08\x7f",  # overwrites what is before it
    "\u202e\u2066": r"\u202e\u2066",  # text from right to left
    "\u200b\u2028": r"\u200b\u2028",  # an invisible character, and a line separator
    "\nNo error here": r"\nNo error here",  # a line that looks like a message of descenso
}
NAME, SHOWN = "né" + "".join(COMMANDS), "né" + "".join(COMMANDS.values())
SECONDS = 120


def descenso(folder, *words, **streams):
    """Run the command in a process of its own; return the process with its output."""
    environment = {**os.environ, "LANG": "C.UTF-8", "LANGUAGE": "en", "COLUMNS": "1000"}
    return subprocess.run(
        [sys.executable, "-m", "descenso", *map(str, words)], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        timeout=SECONDS, check=False, **(streams or {"capture_output": True}),
    )  # fmt: skip


def said(process, code=0):
    """Check the exit code of the process, and that nothing it wrote controls a terminal; return what it wrote."""
    texts = [stream.decode("utf-8") for stream in (process.stdout, process.stderr)]
    assert process.returncode == code, texts
    for character in set("".join(texts)) - {"\n"}:
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), (character, texts)
    assert "Traceback" not in texts[1], texts
    assert "No error here" not in "".join(texts).splitlines(), texts
    return "".join(texts)


LABELS = sorted([NAME, "$x", "[red]"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A directory with a folder of images called NAME, which is also one of its classes, and the process that trained.

    The run is `runs/NAME`.
    """
    folder = tmp_path_factory.mktemp("escapes")
    data = tiny_dataset(60, 20, 3)
    for split in ("train", "test"):
        for row, (pixels, label) in enumerate(zip(*getattr(data, split)[:2], strict=True)):
            path = folder / NAME / split / LABELS[label] / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (folder / "runs").mkdir()
    given = ("-m", "softmax", "-e", 2, "-b", 20, "-r", 0.02)
    process = descenso(folder, "train", f"./{NAME}", *given, "--out", f"runs/{NAME}")
    return folder, process


@pytest.fixture
def here(trained, tmp_path):
    """A copy of the directory that may be changed, with settings of such a name and a damaged run called NAME2."""
    folder = shutil.copytree(trained[0], tmp_path / "here")
    shutil.copytree(folder / "runs" / NAME, folder / f"{NAME}2")
    (folder / f"{NAME}2" / "config.json").write_text("{")
    (folder / "settings.toml").write_text(f"{json.dumps(NAME)} = 1\n".replace("\\u007f", "\\u007F"))
    return folder


def test_train(trained):
    assert f"Run: runs/{SHOWN}\n" in said(trained[1])


def test_evaluate(here):
    shown = said(descenso(here, "evaluate", f"runs/{NAME}"))
    assert shown.count(SHOWN) >= 2, shown  # the label and the picture's path
    assert "[red]" in shown


def test_resume_past_a_damaged_checkpoint(here):
    """The warning is shown while the progress display is live, which takes another path than other messages."""
    newest = max((here / "runs" / NAME / "checkpoints").iterdir())
    (newest / "manifest.json").write_bytes(b"{}")
    shown = said(descenso(here, "resume", f"runs/{NAME}", "-e", 3))
    assert f"descenso: warning: runs/{SHOWN}/checkpoints/{newest.name}/manifest.json: damaged" in shown
    assert f"Run: runs/{SHOWN}\n" in shown


PICTURE = f"{NAME}/test/{NAME}/{list(tiny_dataset(60, 20, 3).test.labels).index(LABELS.index(NAME))}.png"
LOOKING = {
    "runs": (["runs"], 0),
    "runs, one of them damaged": (["runs", "."], 0),
    "plot": (["plot", f"runs/{NAME}"], 0),
    "plot two": (["plot", f"runs/{NAME}", f"runs/{NAME}", "-o", f"{NAME}.png"], 0),
    "data": (["data", NAME], 0),
    "predict": (["predict", f"runs/{NAME}", PICTURE], 0),
    "predict, as CSV": (["predict", f"runs/{NAME}", PICTURE, "--csv"], 0),
    "no dataset": (["train", NAME + "s"], 2),
    "no such folder": (["train", f"./{NAME}/below"], 3),
    "no run": (["evaluate", NAME], 3),
    "no run to resume": (["resume", f"{NAME}/below"], 3),
    "no settings": (["train", "--config", f"{NAME}/settings.toml"], 2),
    "settings of such a name": (["train", "--config", "settings.toml"], 2),
    "a folder that is taken": (["train", f"./{NAME}", "-b", "20", "--out", f"runs/{NAME}"], 2),
    "no setting": (["train", "--rule", NAME], 2),
    "no limit": (["train", "--limit", f"{NAME}=1"], 2),
    "no language": (["train", "--lang", NAME], 2),
}


@pytest.mark.parametrize("case", LOOKING)
def test_commands_that_only_read(case, here):
    words, code = LOOKING[case]
    shown = said(descenso(here, *words), code)
    assert all(escape in shown.replace("\\\\", "\\") for escape in COMMANDS.values()), shown


def strings(value):
    """Return all strings in a value from JSON."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("words", [["runs", "--json"], ["data", NAME, "--json"]], ids=lambda words: words[0])
def test_json(words, here):
    """The output is ASCII and contains the name unchanged."""
    shown = said(descenso(here, *words))
    assert shown.isascii()
    assert any(NAME in text for text in strings(json.loads(shown)))


@pytest.mark.parametrize("case", ["runs, one of them damaged", "plot two", "data", "no run", "no setting"])
def test_on_a_terminal(case, here):
    """The output has colours of descenso's own, but none of those in the names."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as shown:
        process = descenso(here, *LOOKING[case][0], stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while piece := shown.read(2**16):
                text += piece
        except OSError:
            pass  # Linux reports the end of the output so
    assert process.returncode == LOOKING[case][1]
    for command in ("\x1b[35;7m", "\x1b]", "\x07", "\x9b", "\x08", "\x7f", "\u202e", "\u2066", "\u200b", "\u2028"):
        assert command not in text.decode(), text
    assert r"\nNo error here" in text.decode(), text


@pytest.mark.parametrize("words", [["runs"], ["plot", "runs/r\udc9b31m"], ["train", "./d\udc9b", "--out", "x"]])
def test_names_that_are_not_utf8(words, tmp_path):
    """The names are not UTF-8; one of their bytes controls a terminal by itself."""
    (tmp_path / "runs" / "r\udc9b31m").mkdir(parents=True)
    (tmp_path / "runs" / "r\udc9b31m" / "status.json").write_text("{")
    process = descenso(tmp_path, *words)
    assert r"\udc9b" in said(process, process.returncode)
