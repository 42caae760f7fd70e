"""Show in a terminal or a notebook that something is done, where no training run shows its progress."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from descenso.text import printable, width_of
from descenso.training.display import progress_bar, quiet


@contextlib.contextmanager
def waiting(what: str, shown: bool = True) -> Iterator[Callable[[str], None]]:
    """Hold back messages as `quiet` does, and show meanwhile in a terminal that something is done.

    Nothing is shown where standard error is no terminal that can move its cursor.

    Args:
        what: is done, such as "Evaluating".
        shown: whether to show it; False with `--json`.

    Yields: a function that takes a line: what is being done now.
    """
    with quiet():
        if not shown or width_of(sys.stderr) is None or (console := Console(stderr=True)).is_dumb_terminal:
            yield lambda line: print(printable(line), file=sys.stderr, flush=True)  # noqa: T201 - where no bar is
            return
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        spinner = Spinner("line" if console.options.ascii_only else "dots", Text(f"{what} …"))
        with Live(spinner, console=console, transient=True, redirect_stdout=False):
            yield lambda line: spinner.update(text=Text(printable(f"{what}: {line} …")))


@contextlib.contextmanager
def telling(what: str, told: Callable[[float], None] | None) -> Iterator[Callable[[float], None]]:
    """Yield `told`, which takes the share that is done; without one, a function that moves a bar.

    The bar is shown in a notebook, and in a terminal that can draw one.

    Args:
        what: is done, such as "Landscape".
        told: what is called instead.
    """
    bar = None if told else progress_bar(to_stderr=True)
    if bar is None:
        yield told or (lambda share: None)
        return
    bar.start()
    try:
        yield lambda share: bar.update(what, share, "")
    finally:
        bar.stop()
