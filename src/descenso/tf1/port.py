"""Read a TensorFlow 1 script: its removed calls, and the training runs as settings of descenso."""

from pathlib import Path
from typing import Any, NamedTuple

from descenso.errors import DataError
from descenso.text import _
from descenso.tf1.descents import Descent, read_descents
from descenso.tf1.findings import Finding, find_all
from descenso.tf1.source import read_source
from descenso.tf1.values import read


class Ported(NamedTuple):
    """Findings and training runs of a script or notebook.

    Attributes:
        findings: removed and changed calls, in the order of the script.
        descents: training runs, in the order of the script; None if its functions call one another too often.
    """

    findings: list[Finding]
    descents: list[Descent] | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        descents = None if self.descents is None else [descent.as_json() for descent in self.descents]
        return {"findings": [finding.as_json() for finding in self.findings], "descents": descents}


def port(path: Path) -> Ported:
    """Read the script or notebook at `path` without running it.

    Raises:
        DataError: if it cannot be read; see `descenso.tf1.source.read_source`.
    """
    source = read_source(path)
    try:
        events = read(source)
        return Ported(find_all(source), None if events is None else read_descents(events))
    except RecursionError:
        raise DataError(_("{path}: nested more deeply than can be read").format(path=path)) from None
