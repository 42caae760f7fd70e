"""Each check finds its planted fault; docs/doctor.md lists which other checks find it, too."""

from functools import cache
from pathlib import Path

import pytest

from descenso.doctor.checks import CHECKS, examine
from descenso.doctor.faults import FAULTS, healthy

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


@cache
def findings(fault):
    return examine(FAULTS[fault].plant() if fault in FAULTS else healthy())


def found(fault):
    return [finding.rule for finding in findings(fault)]


def matrix():
    """Return the table of the rules (columns) that fire on each fault and on no fault (rows)."""
    numbers = [f"{number:2}" for number in range(1, len(CHECKS) + 1)]
    head = [" " * 28 + "".join(number[place] for number in numbers) for place in (0, 1)]
    rows = [
        f"{number or '':>2} {name:<25}" + "".join("●" if rule in found(name) else "·" for rule in CHECKS)
        for number, name in [*enumerate(FAULTS, 1), (0, "no fault")]
    ]
    return "\n".join([*head, *rows])


def rules():
    """Return the table of rules as the page shows it."""
    rows = [
        f"| `{name}` | {rule.severity} | {rule.looks_at.replace('?', '')} | {rule.why} | {rule.source} |"
        for name, rule in CHECKS.items()
    ]
    return "\n".join(["| rule | severity | looks at | why | source |", "|---|---|---|---|---|", *rows])


def test_every_rule_has_a_fault():
    assert list(FAULTS) == list(CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leads_and_explains_what_else_is_found(fault):
    first, *others = findings(fault)
    assert (first.rule, first.cause) == (fault, "")
    assert all(finding.cause for finding in others)


def test_no_rule_fires_without_a_fault():
    assert found("no fault") == []


@pytest.mark.parametrize(
    "part", [pytest.param(matrix, marks=pytest.mark.slow, id="matrix"), pytest.param(rules, id="rules")]
)
def test_the_page_has_the_present_matrix_and_rules(part):
    assert part() in PAGE.read_text(encoding="utf-8"), f"docs/doctor.md should print\n\n{part()}"
