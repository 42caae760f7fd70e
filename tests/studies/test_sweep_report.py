"""The report of a sweep, made from ledgers that the tests write, without training."""

import html.parser
import math
import shlex

import pytest
import typer

import descenso as ds
from descenso import text
from descenso.cli.app import find_command
from descenso.errors import ConfigError
from descenso.reports import figures
from descenso.studies.sweep import directory as directories
from descenso.studies.sweep.grid import AXES, lanes_of
from descenso.studies.sweep.ledger import Record, Verified
from descenso.studies.sweep.report import command, write_report
from descenso.studies.sweep.result import Sweep, result_of

VERSIONS = {"versions": {"descenso": "0.1.0", "tensorflow": "2.21.0", "xla_flags": ""}, "data": "f5e5", "notes": []}


def swept(path, axes, settings=(), scores=(), **about):
    """Make the directory of a sweep whose lanes ended with `scores`; infinite ones diverged."""
    lanes = lanes_of(dict(settings), axes)
    given = {"about": {k: v for k, v in VERSIONS.items() if k != "notes"}, "notes": [], **about}
    made = directories.create(lanes, [list(range(len(lanes)))], given, path)
    entries = []
    for lane, score in zip(lanes, scores, strict=False):
        sound = score < math.inf
        record = Record(lane.name, "completed" if sound else "diverged", (2.0, score if sound else math.nan),
                        diverged_at=None if sound else (1, 17), test_accuracy=0.9 if sound else None)  # fmt: skip
        entries.append(record._asdict())
    made.append(entries)
    made.close()
    return made


class Page(html.parser.HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def undrawn(monkeypatch):
    """Replace the drawing of pictures, which takes time."""
    for name in ("plot", "parallel_coordinates"):
        monkeypatch.setattr(Sweep, name, lambda self: None)
    monkeypatch.setattr(figures, "png", lambda figure: b"\x89PNG")


def page_of(made):
    write_report(result_of(made), made)
    return Page((made.path / "report.html").read_text(encoding="utf-8"))


@pytest.fixture
def made(tmp_path):
    axes = {"learning_rates": [0.01, 0.1, 1.0], "rules": ["sgd", "adam"], "seeds": 2}
    return swept(tmp_path / "s", axes, {"epochs": 2}, [0.5, 0.6, 0.55, 0.7, 0.4, 0.45, 1, 1, 2, 2, math.inf, 3.0])


@pytest.mark.slow
def test_the_page_has_everything_and_requests_nothing(made):
    verified = [Verified(4, "best", 1e-12, 2e-11, 1, 1e-9, True), Verified(2, "edge", 1e-3, 2e-3, 1, 1e-9, True)]
    made.append([{"verified": each._asdict()} for each in verified])
    page = page_of(made)
    assert page.all("html") == [{"lang": "en"}]
    assert [tag for tag, _attrs in page.tags if tag in ("h1", "h2", "h3")] == ["h1", *["h2"] * 8]
    assert [picture["src"][:22] for picture in page.all("img")] == ["data:image/png;base64,"] * 2
    assert all(len(picture["alt"]) > 20 for picture in page.all("img"))
    assert {head["scope"] for head in page.all("th")} == {"col", "row"}
    assert not [attrs for tag, attrs in page.tags if tag in ("script", "link", "iframe") or "href" in attrs]
    assert not [value for _tag, attrs in page.tags for name, value in attrs.items() if name.startswith("on")]
    said = " ".join(page.texts)
    for each in ("rate 0.1, rule sgd", "ANOTHER run", "the same run", "1.0e-03", "17", "2.21.0", "0.45"):
        assert each in said, each
    assert "http" not in said
    assert (made.path / "plots" / "parallel.png").is_file()


def test_seeds_that_overlap_tell_nothing_apart(undrawn, tmp_path):
    axes = {"learning_rates": [0.01, 0.1], "seeds": 2}
    page = page_of(swept(tmp_path / "s", axes, scores=[0.5, 0.6, 0.55, 0.7]))
    assert any("Not told apart by 2 seeds" in line for line in page.texts)
    assert len(page.all("img")) == 1  # no parallel coordinates for a single varied setting


def test_text_of_the_data_is_shown_as_text(undrawn, tmp_path):
    evil = "<script>alert('1')</script>\u202e\"&amp;"
    settings = {"data": f"{tmp_path}/{evil}.csv", "label": evil, "model": "softmax"}
    made = swept(tmp_path / "s", {"learning_rates": [0.01]}, settings, [0.5], notes=[f"classes: {evil}"])
    page = page_of(made)
    assert page.all("script") == []
    shown = [line for line in page.texts if "<script>alert('1')</script>\\u202e\"&amp;" in line]
    assert len(shown) >= 4  # heading, note, command, settings
    assert "\u202e" not in "".join(page.texts)


def test_the_page_is_in_the_language_of_the_call(undrawn, made):
    text.use("es")
    try:
        page = page_of(made)
    finally:
        text.use("en")
    assert page.all("html") == [{"lang": "es"}]
    assert "Versiones" in page.texts


@pytest.mark.slow
def test_a_sweep_that_was_stopped_has_a_page(tmp_path):
    made = swept(tmp_path / "s", {"learning_rates": [0.01, 0.1], "rules": ["sgd", "adam"]}, scores=[0.5])
    page = page_of(made)
    assert any("1 of 4 lanes have ended" in line for line in page.texts)
    assert len(page.all("img")) == 1
    with pytest.raises(ConfigError, match="need two settings that vary"):
        result_of(made).parallel_coordinates()


@pytest.mark.slow
def test_all_lanes_may_diverge(tmp_path):
    axes = {"learning_rates": [1.0, 10.0], "rules": ["sgd", "adam"]}
    page = page_of(swept(tmp_path / "s", axes, scores=[math.inf] * 4))
    assert any("No lane is best" in line for line in page.texts)
    assert page.texts.count("17") == 4


@pytest.mark.parametrize(
    ("axes", "settings"),
    [
        ({"learning_rates": "1e-3..1:7", "seeds": 3}, {}),
        ({"learning_rates": [0.01, 0.1], "seeds": [5]}, {"epochs": 7, "deterministic": True}),
        ({"rules": ["sgd", "adam:beta_1=0.8", "momentum"], "batch_sizes": [32, "full"]}, {"clip_norm": 0.5}),
        ({"weight_decays": [0.0, 0.1], "schedules": ["constant", "step:factor=0.5"]},
         {"model": "mlp", "hidden": "8,4", "rule": "momentum", "validation_size": 0.25}),
        ({"seeds": [3, 4]}, {"model": "cnn", "preset": "accurate", "label": "a b"}),
        ({"rules": ["sgd"]}, {"rule": None, "learning_rate": 0.3}),
    ],
    ids=["range", "one-seed", "rules", "mlp", "preset", "one-rule"],
)  # fmt: skip
def test_the_command_makes_the_same_lanes(tmp_path, axes, settings):
    settings = {name: value for name, value in settings.items() if value is not None}
    made = swept(tmp_path / "s", axes, settings)
    program, name, *words = shlex.split(command(made))
    assert (program, name) == ("descenso", "sweep")
    again = as_given(words)
    varied = {name: again.pop(name) for name in AXES if name in again}
    assert {lane.name for lane in lanes_of(again, varied)} == {lane.name for lane in made.lanes}


def as_given(words):
    """Parse the words of `descenso sweep` as its command line does."""
    app = typer.Typer()
    app.command()(find_command("sweep"))
    context = typer.main.get_command(app).make_context("sweep", words)
    own = ("verify", "keep", "out", "as_json", "limit", "data_dir")
    return {name: value for name, value in context.params.items() if value not in (None, False) and name not in own}


def test_the_page_of_a_halved_sweep(undrawn, tmp_path):
    rungs = {"rungs": [[2, 2], [4, 1]], "audit": True}
    made = swept(tmp_path / "s", {"learning_rates": [0.01, 0.1, 1.0, 2.0]}, {"epochs": 8, "model": "softmax"},
                 [0.5, 0.4, 0.3, 0.2], **rungs)  # fmt: skip
    made.append([{"rung": {"epochs": 2, "dropped": [0, 3], "groups": [[0, 1, 2, 3]]}}])
    page = page_of(made)
    assert page.texts.count("dropped after 2 epochs") == 2
    assert "Rung 1: after 2 epochs at most 2 lanes go on." in page.texts
    assert any("the later winner was DROPPED" in line for line in page.texts)
    assert command(made).endswith("--epochs 8 --halving --audit")


def test_data_in_memory_is_given_again_in_python(tmp_path):
    made = swept(tmp_path / "s", {"learning_rates": [0.01, 0.1]}, {"data": "arrays", "model": "mlp", "epochs": 3})
    assert command(made) == "descenso.sweep((X, y), learning_rates=[0.01, 0.1], model='mlp', epochs=3)"
    assert callable(ds.sweep)
