"""The command `descenso predict`, and those that list models, rules and schedules."""

import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from descenso.cli.inference import predict
from descenso.registry import MODELS, RULES, SCHEDULES
from shell import descenso


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory):
    """Two test images of 8×8 pixels, and all test rows as NPZ."""
    folder = tmp_path_factory.mktemp("files")
    for index in range(2):
        Image.fromarray(tiny.test.inputs[index]).save(folder / f"{index}.png")
    np.savez(folder / "rows.npz", x=tiny.test.inputs)
    return folder


@pytest.mark.slow
def test_predict_as_json_is_what_the_weights_say(trained, files, tiny, tmp_path):
    run = trained.folder / "first"
    answer = json.loads(descenso("predict", run, files / "rows.npz", "--json", cwd=tmp_path).stdout)
    logits = tiny.test.inputs.reshape(61, 64) / 255 @ weights(run)["W"] + weights(run)["b"]
    assert [int(each["class"]) for each in answer["predictions"]] == logits.argmax(axis=1).tolist()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = [each["probabilities"] for each in answer["predictions"]]
    np.testing.assert_allclose(found, shares, atol=1e-5)
    assert list(tmp_path.iterdir()) == []


def weights(run):
    from descenso import open_run

    return open_run(run).weights


def test_predict_for_a_person_shows_what_the_model_saw(trained, files, tmp_path, monkeypatch, capsys):
    """Called in this process, to save the start of another."""
    monkeypatch.chdir(tmp_path)
    predict(trained.folder / "first", [files / "0.png", files / "1.png"])
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Resized to 8×8 pixels in grey.",
        "Inputs as the model sees them: first-seen.png",
    ]
    assert np.asarray(Image.open(tmp_path / "first-seen.png").convert("L")).std() > 0


@pytest.mark.slow
def test_predict_as_csv(trained, files, tmp_path):
    process = descenso("predict", trained.folder / "first", files / "0.png", "--csv", cwd=tmp_path)
    header, row = csv.reader(io.StringIO(process.stdout))
    assert header == ["input", "class", "0", "1", "2", "3"]
    assert row[0] == str(files / "0.png")
    assert int(row[1]) == int(np.argmax([float(share) for share in row[2:]]))


def test_predict_of_what_cannot_be_read(trained, tmp_path):
    (tmp_path / "no.png").write_bytes(b"no image")
    process = descenso("predict", trained.folder / "first", "no.png", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (3, "")
    assert "no.png: no image, or of a format that is not read" in process.stderr


@pytest.mark.parametrize(("command", "members"), [("rules", RULES), ("schedules", SCHEDULES), ("models", MODELS)])
def test_the_family_is_listed(command, members, tmp_path):
    process = descenso(command, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert members.keys() <= set(re.findall(r"[\w-]+", process.stdout))
    assert list(json.loads(descenso(command, "--json", cwd=tmp_path).stdout)[command]) == list(members)


def test_a_picture_to_predict_is_not_overwritten(trained, files, tmp_path):
    run, mine = trained.folder / "first", tmp_path / f"{(trained.folder / 'first').name}-seen.png"
    mine.write_bytes((files / "0.png").read_bytes())
    ended = descenso("predict", run, mine, cwd=tmp_path)
    assert ended.returncode == 2
    assert f"{mine.name} is there already, and nothing is overwritten; try --out with a new name" in ended.stderr
    assert mine.read_bytes() == (files / "0.png").read_bytes()
    descenso("predict", run, mine, "--out", "other.png", cwd=tmp_path)
    assert (tmp_path / "other.png").exists()
