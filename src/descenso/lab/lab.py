"""The lab, as a server uses it: start, steer and watch training in a process of its own. Thread safe."""

from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from descenso.lab.answers import Activations, Opened, Recognised
from descenso.lab.protocol import Limits, Settings, Source, View

DEFAULT = Limits()


class Lab:
    """A training process, and what there is to see of its run.

    No method waits for training: commands return at once, and their effect is seen in a later `view`; `opened`,
    `recognise` and `activations` answer within about 150 ms, and else return None.

    Args:
        source: data or run, from the command line.
        out: folder below which runs are made.
        limits: of processes and times.
    """

    def __init__(self, source: Source, out: Path, limits: Limits = DEFAULT) -> None:
        self._view = View(settings=Settings.of(data=source.data or "mnist"))

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def view(self) -> View:
        """The newest view."""
        return self._view

    def wait(self, after: int, seconds: float) -> View:
        """Return the newest view, once its number is above `after`, or after so many seconds."""
        return self._view

    def watched(self, watched: bool) -> None:
        """Say whether a page is open. With one there are ten views a second, without about one."""

    def start(self, settings: Settings) -> None:
        """Start a new run; the current one is stopped and saved. The view's `message` says what is wrong with settings.

        From "failed", a new training process is started.
        """

    def pause(self) -> None:
        """Pause after the present chunk, of about a tenth of a second."""

    def go_on(self) -> None:
        """Continue a paused run; or a run that was stopped, from its newest checkpoint."""

    def one_step(self) -> None:
        """Take one step, then pause; starts a run of `view.settings` where there is none."""

    def one_epoch(self) -> None:
        """Train up to the end of the present epoch, then pause; starts a run where there is none."""

    def change_rate(self, rate: float) -> None:
        """Change the learning rate, within one chunk.

        Raises:
            ConfigError: for a value not in (0, inf).
        """

    def reset(self) -> None:
        """Stop and save the current run, and start it again from step 0, paused, as a new run of the same settings."""

    def undo(self) -> None:
        """Go back to the last checkpoint before the present position, and pause."""

    def stop(self) -> None:
        """Stop the current run, or the race, and save it."""

    def forget(self, name: str) -> None:
        """Drop the curve of an earlier run from the view."""

    def opened(self, row: int) -> Opened | None:
        """Open up the next step that a training row is part of, from the newest weights; None before a run."""
        return None

    def activations(self, row: int) -> Activations | None:
        """Compute each layer of the current cnn for a test row; None for other models, or before a run."""
        return None

    def recognise(self, drawn: NDArray[np.uint8]) -> Recognised | None:
        """Predict a drawn digit with the newest weights.

        Args:
            drawn: (height, width) uint8, light ink on 0, such as (280, 280).

        Returns:
            None for an empty canvas, before a run, and for a model that does not read pictures of 28×28.
        """
        return None

    def race(self, settings: Settings) -> None:
        """Let the four engines train one after another from one start on the same batches; see `view.race`."""

    def break_it(self, fault: str) -> None:
        """Start a run like the current one with a fault planted, a key of `FAULTS`; the current one is saved."""

    def heal(self) -> None:
        """Stop the run with the fault, and continue the run before it from where it stopped, to the same bytes."""

    def close(self) -> None:
        """Stop and save the current run, and end the training process. Further calls do nothing."""
