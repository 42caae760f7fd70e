"""A backend of matplotlib that saves the figures that a program shows as figure-1.png, figure-2.png …"""

import os
import sys
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from descenso.text import _, printable

FOLDER = "DESCENSO_FIGURES"  # variable of the environment that names the folder


class Saved:
    """Where figures are saved, and which were.

    Attributes:
        folder: made with the first figure; with a number at the end of its name if there is one of this name.
        before: number of figures in it that a program of the same file has saved.
        paths: of the figures, in their order.
    """

    folder = Path(os.environ.get(FOLDER, "figures"))
    before = int(os.environ.get(f"{FOLDER}_BEFORE", "0"))
    paths: list[Path] = []  # noqa: RUF012 - one process runs one program


class FigureManager(FigureManagerBase):
    """Stand-in for a window."""

    def show(self) -> None:
        """Save the figure."""
        _save(self.canvas.figure)

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Save all figures and close them, as a person closes windows."""
        save_all()


class FigureCanvas(FigureCanvasAgg):
    """The canvas that pyplot makes for each figure; `written` is whether the program saved it by itself."""

    manager_class = FigureManager
    written = False

    def print_figure(self, *args: Any, **options: Any) -> Any:
        """Write the figure to a file."""
        self.written = True
        return super().print_figure(*args, **options)


def save_all(but_written: bool = False) -> None:
    """Save and close all open figures, or close those only that the program wrote to a file by itself."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else []:
        figure = pyplot.figure(number)  # type: ignore[union-attr]
        if not (but_written and getattr(figure.canvas, "written", False)):
            _save(figure)
        pyplot.close(figure)  # type: ignore[union-attr]


def keep_backend() -> None:
    """Let the program's own choice of a backend, which may need a screen, have no effect."""
    matplotlib.use = _no_choice
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.switch_backend is not _no_choice:
        pyplot.switch_backend(f"module://{__name__}")  # pyplot itself would do it later
        pyplot.switch_backend = _no_choice  # type: ignore[attr-defined]


def _no_choice(*_words: Any, **_options: Any) -> None:
    pass


def _save(figure: Any) -> None:
    if not figure.get_axes() and not figure.texts and not figure.images:
        return
    try:
        if not Saved.before + len(Saved.paths):
            Saved.folder = _new(Saved.folder)
        path = Saved.folder / f"figure-{Saved.before + len(Saved.paths) + 1}.png"
        figure.savefig(path)
    except OSError as error:
        message = _("the figure cannot be saved in {folder} ({reason})")
        text = message.format(folder=Saved.folder, reason=error.strerror or error)
    else:
        Saved.paths.append(path)
        text = _("figure: {path}").format(path=path)
    sys.stdout.flush()
    print(f"descenso: {printable(text)}", file=sys.stderr, flush=True)  # noqa: T201 - beside the program's output


def _new(folder: Path) -> Path:
    """Make `folder`, or one of that name with a number."""
    number = 1
    while True:
        path = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path
