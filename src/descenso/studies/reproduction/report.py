"""The reproduction as a report: tables, the verdicts, one picture, and what the programs print."""

from pathlib import Path
from typing import Any

from descenso.reports.comparison import comparison_figure
from descenso.reports.document import Heading, Lines, Paragraph, Part, Picture, Table, as_html, as_markdown
from descenso.reports.figures import png
from descenso.runs.environment import environment
from descenso.runs.files import write_file
from descenso.studies import plain
from descenso.studies.reproduction.run import EPOCHS, Claim, Finished, Reproduction
from descenso.text import _, language

PICTURE = "costs.png"


def program_rows(found: Reproduction) -> list[list[str]]:
    """The descents: the table's head, then a row each."""
    head = ["", _("engine"), _("dtype"), _("rows"), _("last cost"), _("accuracy"), _("seconds")]
    return [head, *map(_program_row, found.finished.values())]


def _program_row(each: Finished) -> list[str]:
    accuracy = "–" if each.test_accuracy is None else f"{each.test_accuracy:.4f}"
    config = each.config
    start = [each.name, config.engine, config.dtype, str(each.rows)]
    return [*start, f"{each.history.costs[-1]:.6f}", accuracy, f"{each.seconds:.2f}"]


def claim_rows(found: Reproduction) -> list[list[str]]:
    """What is claimed: the table's head, then a row each."""
    return [
        [_("claim"), _("measured"), _("holds")],
        *([each.text, each.measured, _held(each)] for each in found.claims),
    ]


def _held(claim: Claim) -> str:
    return _("not measured") if claim.holds is None else _("yes") if claim.holds else _("no")


def as_json(found: Reproduction) -> dict[str, Any]:
    """As plain values; a number that is not finite is None."""
    programs = [
        {
            "name": each.name, "engine": each.config.engine, "dtype": each.config.dtype, "order": each.config.order,
            "rows": each.rows, "costs": plain(each.history.costs),
            "test_accuracy": each.test_accuracy, "test_cost": each.test_cost, "seconds": each.seconds,
            "compile_seconds": each.compile_seconds,
        }
        for each in found.finished.values()
    ]  # fmt: skip
    twins = [
        {"name": each.name, "max_cost_difference": plain(each.cost), "max_weight_difference": plain(each.weights),
         "speed_up": each.speed_up}
        for each in found.twins
    ]  # fmt: skip
    answer = {"folder": str(found.folder), "epochs": found.epochs, "holds": found.holds}
    return {**answer, "programs": programs, "twins": twins, "claims": plain(found.claims)}


def write_report(found: Reproduction) -> Path:
    """Write report.md, its picture and report.html into the folder; the last of them is returned.

    Raises:
        DiskError: where one cannot be written.
    """
    costs = {each.name: each.history.costs for each in found.finished.values()}
    seconds = {each.name: [epoch.seconds for epoch in each.history.epochs] for each in found.finished.values()}
    picture = Picture(PICTURE, _("Training loss of each descent, and how long its epochs take"),
                      png(comparison_figure(costs, seconds, {}, (), ())))  # fmt: skip
    title, parts = _("The tutorial's two programs, reproduced"), _parts(found, picture)
    page = found.folder / "report.html"
    write_file(found.folder / PICTURE, picture.png)
    write_file(found.folder / "report.md", as_markdown(title, parts).encode())
    write_file(page, as_html(title, parts, language()).encode())
    return page


def _parts(found: Reproduction, picture: Picture) -> list[Part]:
    machine = environment()
    parts: list[Part] = [
        Paragraph(
            _(
                "Softmax regression on MNIST by gradient descent, rate 0.01, batches of 100, the logarithm of softmax"
                " taken literally, {epochs} epochs of the tutorial's {all}. Program 1 learns from 55,000 rows, permuted"
                " anew in each epoch; program 2 from 60,000, through a shuffle buffer of 10,000. Each descent is also a"
                " run in this folder."
            ).format(epochs=found.epochs, all=EPOCHS)
        ),
        Table(program_rows(found)),
        picture,
        Heading(_("What was claimed")),
        Table(claim_rows(found)),
        Paragraph(
            _(
                "Differences are relative to the largest value of what they are of. Made with TensorFlow {tf} on {cpu}."
            ).format(tf=machine["tensorflow"], cpu=machine["processor"])
        ),
        Heading(_("What each printed")),
    ]
    for each in found.finished.values():
        printed = [f"[{epoch.epoch}] cost: {epoch.cost:.10g}" for epoch in each.history.epochs]
        parts += [Paragraph(each.name), Lines(printed)]
    return parts
