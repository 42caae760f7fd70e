"""Hide the start-up messages of TensorFlow; errors, and what Python prints, still reach the user."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from descenso.errors import DescensoError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what C++ libraries write to file descriptor 2, and print it if an error is raised.

    `TF_CPP_MIN_LOG_LEVEL` alone does not silence what is logged before its logging is set up.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    shown = sys.__stderr__
    if shown is None or sys.stderr is not shown:  # there is none, or it is captured already
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
        except Exception:  # the messages held back may be all that explains it
            aside.seek(0)
            shutil.copyfileobj(aside, ours.buffer)
            raise
        finally:
            os.dup2(real, 2)
            sys.stderr = shown
