"""The lab: train in a process of its own, and watch and steer it on a page in the browser.

`descenso lab` opens it; in a notebook, calling this module does, see `descenso.lab.notebook.lab`:

    import descenso as ds
    ds.lab("mnist")
"""

import sys
from types import ModuleType
from typing import Any


class _Lab(ModuleType):
    """A module that can be called: `ds.lab` is a package and, for users, a function."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        from descenso.lab.notebook import lab

        return lab(*given, **named)


sys.modules[__name__].__class__ = _Lab
