"""What the open pages share: the lab, the settings of the next run, and which page steered last. Without Bokeh."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso import text
from descenso.config import TrainConfig
from descenso.errors import ConfigError
from descenso.lab.faults import FAULTS
from descenso.lab.protocol import Curve, Settings, View
from descenso.lab.rates import FEWEST_RATES, MOST_EPOCHS, MOST_RATES, Span
from descenso.lab.shapes import COLOURS
from descenso.registry import MODELS, RULES
from descenso.settings import ALONE
from descenso.text import LANGUAGES, _, mark

if TYPE_CHECKING:
    from descenso.lab.lab import Lab

WORDS = {  # what a page may set these to; the rest are numbers, which the table of settings checks
    "model": tuple(MODELS),
    "engine": ALONE,
    "rule": tuple(RULES),
}
NUMBERS = ("learning_rate", "batch_size", "epochs", "seed")
WHOLE = {  # fields of a span that are whole numbers: name, least, most
    "lanes": (mark("rates"), FEWEST_RATES, MOST_RATES),
    "epochs": (mark("epochs"), 1, MOST_EPOCHS),
}
MOST_TYPED = 200  # characters of a value from a page
MOST_EXPONENT = 12  # of a learning rate, either way
TITLES = {  # of the commands that a page sends, for the other pages
    "start": mark("Start"),
    "pause": mark("Pause"),
    "go_on": mark("Continue"),
    "one_step": mark("One step"),
    "one_epoch": mark("One epoch"),
    "reset": mark("Reset"),
    "undo": mark("Undo"),
    "stop": mark("Stop"),
    "rate": mark("Learning rate"),
    "race": mark("Race"),
    "sweep": mark("Try the rates"),
    "landscape": mark("Landscape"),
    "stop_landscape": mark("Stop"),
    "break": mark("Break it"),
    "heal": mark("Back to the healthy run"),
    "set": mark("Settings"),
}


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use `language` inside the block: a server speaks to each of its pages in the language of that page.

    Not for several threads: the language is one for the whole process.
    """
    before = text.language()
    text.use(language)
    try:
        yield
    finally:
        text.use(before)


class Steering(NamedTuple):
    """The last command: number of its page, its name, and when it came."""

    page: int
    command: str
    when: float


class Desk:
    """State that all pages of a server share. What the last page sets holds for all.

    Args:
        lab: the training process.
        datasets: names or paths that pages may choose among; they name none themselves.
        language: of pages that do not ask for another.
        lesson: whether pages open with the lesson.
    """

    def __init__(self, lab: "Lab", datasets: Sequence[str], language: str = "en", lesson: bool = False) -> None:
        self.lab, self.datasets, self.language, self.lesson = lab, tuple(datasets), language, lesson
        self.steering: Steering | None = None
        self.pages, self._seen = set[int](), dict[int, str]()
        self._settings: Settings | None = None
        self._span: dict[str, Any] = {}  # what pages have set of it
        self._newest = 0
        self._colours: dict[str, str] = {}

    def language_of(self, asked: str) -> str:
        """Return the language that a page asks for, if descenso has it, else that of the server."""
        return asked if asked in LANGUAGES else self.language

    def open_page(self) -> int:
        """Count a page; return its number."""
        self._newest += 1
        self.pages.add(self._newest)
        return self._newest

    def see(self, number: int, tab: str) -> None:
        """Note which tab a page shows, "" while it is not in sight; what no page shows, the lab does not measure."""
        self._seen[number] = tab
        self.lab.watched(frozenset(filter(None, self._seen.values())))

    def close_page(self, number: int) -> None:
        """Forget a page that was closed; the run goes on."""
        self.pages.discard(number)
        self.see(number, "")
        del self._seen[number]

    def run_path(self) -> Path | None:
        """Return the directory of the current run, or None before the first."""
        return self.lab.view.run

    @property
    def settings(self) -> Settings:
        """The settings of the next run: those that a page has set, before that those of the current run."""
        return self._settings or self.lab.view.settings

    @property
    def span(self) -> Span:
        """The learning rates of the next sweep: what a page has set of them, the rest around the one that is set."""
        return Span.around(self.settings.learning_rate)._replace(**self._span)

    def set_span(self, name: str, value: str) -> None:
        """Set a field of the span, as it was typed; an empty one is the default again.

        Raises:
            ConfigError: naming what is wrong, and a value that works.
        """
        typed = value.strip().replace(",", ".")[:MOST_TYPED]
        if not typed:
            self._span.pop(name, None)
        elif name in WHOLE:
            title, least, most = WHOLE[name]
            if not (typed.isascii() and typed.isdigit() and least <= int(typed) <= most):
                message = _("{name} must be a whole number in [{least}, {most}], got {value!r}")
                raise ConfigError(message.format(name=_(title), least=least, most=most, value=value[:40]))
            self._span[name] = int(typed)
        else:
            self._span[name] = float(f"{TrainConfig.of(learning_rate=typed).learning_rate:.6g}")

    def colour_of(self, run: str) -> str:
        """Return the colour of a run's curve, the same at each call."""
        return self._colours.setdefault(run, COLOURS[len(self._colours) % len(COLOURS)])

    def curves(self, view: View) -> list[Curve]:
        """Return the curves of runs that have begun."""
        return [curve for curve in view.curves if curve.name]

    def key_of(self, view: View) -> dict[str, str]:
        """Return the colours of the runs whose curves are shown, by name."""
        return {curve.name: self.colour_of(curve.name) for curve in self.curves(view)}

    def set(self, name: str, value: str) -> None:
        """Set a setting of the next run, as it was typed; another model or rule brings its own defaults.

        Raises:
            ConfigError: naming what is wrong, and a value that works.
        """
        if name not in ("data", *WORDS, *NUMBERS) or len(value) > MOST_TYPED:
            raise ConfigError(_("there is no such setting in the lab"))
        words = self.datasets if name == "data" else WORDS.get(name)
        if words is not None and value not in words:
            message = _("{name} must be one of {choices}, got {value!r}")
            raise ConfigError(message.format(name=name, choices=", ".join(words), value=value))
        lost = {"model": ("rule", "learning_rate", "batch_size", "epochs"), "rule": ("learning_rate",)}
        given = {
            key: kept for key, kept in self.settings._asdict().items() if key not in ("fault", *lost.get(name, ()))
        }
        given[name] = value.strip().replace(",", ".") if name in NUMBERS else value
        self._settings = Settings.of(**given)

    def steer(self, page: int, command: str, value: str = "") -> None:
        """Carry out a command of a page.

        Raises:
            ConfigError: for an invalid value.
        """
        lab, view = self.lab, self.lab.view
        if command.startswith("set-"):
            self.set(command.removeprefix("set-"), value)
            command = "set"
        elif command in ("rate", "rate-exponent"):
            self._change_rate(value if command == "rate" else exponent(value))
            command = "rate"
        elif command.startswith("span-") and command.removeprefix("span-") in Span._fields:
            self.set_span(command.removeprefix("span-"), value)
            command = "set"
        elif command == "sweep":
            lab.sweep(self.settings, self.span)
        elif command == "start":
            lab.start(self.settings)
        elif command == "toggle":
            command = "pause" if view.state == "running" else "go_on"
            (lab.pause if command == "pause" else lab.go_on)()
        elif command == "race":
            lab.race(self.settings)
        elif command == "break" and value in FAULTS:
            lab.break_it(value)
        elif command in ("one_step", "one_epoch", "reset", "undo", "stop", "heal", "landscape", "stop_landscape"):
            getattr(lab, command)()
        else:
            return
        self.steering = Steering(page, command, time.monotonic())

    def _change_rate(self, typed: str) -> None:
        """Change the learning rate of the next run, and of the current one while it goes on."""
        rate = TrainConfig.of(learning_rate=typed.strip().replace(",", ".")[:MOST_TYPED]).learning_rate
        if self.lab.view.state in ("running", "paused") and not self.lab.view.read_only:
            self.lab.change_rate(rate)
        self.set("learning_rate", f"{rate:.6g}")


def exponent(typed: str) -> str:
    """Return 10 to the power that a slider sends; text that is no number is returned, to be refused.

    >>> exponent("-2")
    '0.01'
    """
    try:
        return f"{10 ** float(typed):.3g}" if abs(float(typed)) < MOST_EXPONENT else typed
    except ValueError:
        return typed


def datasets_of(data: str | None, current: str) -> list[str]:
    """Return the datasets that pages may choose among: that of the command line or of the run, and the bundled one."""
    return list(dict.fromkeys([data or current, "mnist"]))
