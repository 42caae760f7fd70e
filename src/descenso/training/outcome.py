"""How a training run ends: a value, which the run records."""

from enum import Enum


class Outcome(str, Enum):
    """How a training run ended; its value is what `status.json` holds.

    COMPLETED: all epochs were trained. STOPPED_EARLY: the validation cost had not fallen for long enough. DIVERGED: a
    cost was not finite. INTERRUPTED: a person or the system stopped it, between two steps.
    """

    COMPLETED = "completed"
    STOPPED_EARLY = "stopped early"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
