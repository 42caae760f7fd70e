"""A TensorFlow 1 script, read: what of it is gone, and which descent it runs."""

from pathlib import Path
from typing import Any, NamedTuple

from descenso.errors import DataError
from descenso.text import _
from descenso.tf1.descents import Descent, read_descents
from descenso.tf1.findings import Finding, find_all
from descenso.tf1.source import read_source
from descenso.tf1.values import read


class Ported(NamedTuple):
    """What was read of a script or notebook.

    Attributes:
        findings: calls that are gone or changed, in their order.
        descents: what it trains, in its order; None where its functions go too deep to be followed.
    """

    findings: list[Finding]
    descents: list[Descent] | None

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        descents = None if self.descents is None else [each.as_json() for each in self.descents]
        return {"findings": [each.as_json() for each in self.findings], "descents": descents}


def port(path: Path) -> Ported:
    """Read the script or notebook at `path`, which is not run.

    Raises:
        DataError: where it cannot be read; see `descenso.tf1.source.read_source`.
    """
    source = read_source(path)
    try:
        events = read(source)
        return Ported(find_all(source), None if events is None else read_descents(events))
    except RecursionError:
        raise DataError(_("{path}: nested more deeply than can be read").format(path=path)) from None
