"""TensorFlow's start-up chatter does not reach the user; what Python prints, and errors, do."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from descenso.errors import DescensoError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """While entered, what C++ libraries write to file descriptor 2 is put aside, and shown if an error comes.

    `TF_CPP_MIN_LOG_LEVEL` alone does not silence what is logged before its logging is set up.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    shown = sys.__stderr__
    if shown is None or sys.stderr is not shown:  # there is none, or someone else has captured it already
        yield
        return
    shown.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as aside, os.fdopen(real, "w", buffering=1) as ours:
        sys.stderr = ours
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except DescensoError:
            raise
        except Exception:  # whatever it is, it passes on, and what was put aside may be all that explains it
            aside.seek(0)
            shutil.copyfileobj(aside, ours.buffer)
            raise
        finally:
            os.dup2(real, 2)
            sys.stderr = shown
