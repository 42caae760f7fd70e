"""Write a report, a list of parts, as Markdown with separate pictures and as one HTML file."""

import base64
import html
from collections.abc import Sequence
from typing import NamedTuple

from descenso.text import printable

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .3rem .7rem; border-bottom: 1px solid #ddd }
td, th { text-align: right; vertical-align: top } .text { text-align: left } .text + .text { min-width: 6rem }
thead th { vertical-align: bottom } tbody th { font-weight: inherit } h1, p { overflow-wrap: anywhere }
img { max-width: 100% } .wide { overflow-x: auto }
pre { background: #f5f5f5; padding: .7rem; overflow: auto; max-height: 20rem }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd } pre { background: #242424 }
  td, th { border-color: #444 } img { background: white } }
@media print { body { max-width: none; margin: 0; color: black; background: white }
  pre { max-height: none; white-space: pre-wrap } h2 { break-after: avoid } img, tr, pre { break-inside: avoid } }
"""
# Nothing is requested from anywhere, whatever a text contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TEXT = ' class="text"'


class Text(NamedTuple):
    """Text of an HTML element: "h1", "h2", "p", "code" for a line of code, or "pre" for printed lines."""

    tag: str
    text: str


class Table(NamedTuple):
    """Table: its head, then its rows; the first `text_columns` are text, the others numbers."""

    cells: Sequence[Sequence[str]]
    text_columns: int = 1


class Picture(NamedTuple):
    """PNG file with a description."""

    name: str
    shows: str
    png: bytes


Part = Text | Table | Picture
MARKDOWN = {"h1": "# {}", "h2": "## {}", "p": "{}", "code": "    {}", "pre": "```\n{}\n```"}


def as_markdown(parts: Sequence[Part]) -> str:
    """Return the report as Markdown, with links to its pictures by their names."""
    return "\n\n".join(map(_markdown, parts)) + "\n"


def _markdown(part: Part) -> str:
    if isinstance(part, Table):
        head, *body = [[printable(cell).replace("|", "\\|") for cell in row] for row in part.cells]
        rule = ["---" if place < part.text_columns else "---:" for place in range(len(head))]
        return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])
    if isinstance(part, Picture):
        return f"![{part.shows}]({part.name})"
    return MARKDOWN[part.tag].format(_printable_lines(part.text))


def as_html(parts: Sequence[Part], title: str, language: str) -> str:
    """Return the report as one HTML page that contains its pictures.

    Args:
        parts: parts of the report.
        title: title of the window.
        language: language of the text, "en" or "es".
    """
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(printable(title))}</title>'
    )
    body = "\n".join(map(_html, parts))
    page = f'<html lang="{language}">\n<head>{head}\n<style>{STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n'
    return "<!doctype html>\n" + page


def _html(part: Part) -> str:
    if isinstance(part, Table):
        head, *body = [[html.escape(printable(cell)) for cell in row] for row in part.cells]
        rows = "\n".join(f"<tr>{_row(row, part.text_columns, 'row', 1)}</tr>" for row in body)
        above = _row(head, part.text_columns, "col", len(head))
        table = f"<table>\n<thead><tr>{above}</tr></thead>\n<tbody>{rows}</tbody></table>"
        return f'<div class="wide" tabindex="0">{table}</div>'
    if isinstance(part, Picture):
        source = base64.b64encode(part.png).decode()
        return f'<img alt="{html.escape(printable(part.shows))}" src="data:image/png;base64,{source}">'
    text = html.escape(_printable_lines(part.text))
    if part.tag == "code":
        return f"<p><code>{text}</code></p>"
    return f"<{part.tag}{' tabindex=0' if part.tag == 'pre' else ''}>{text}</{part.tag}>"


def _row(cells: Sequence[str], text_columns: int, scope: str, heads: int) -> str:
    """Return the cells of a row, escaped already; the first `heads` are heads of their row or column."""
    row = ""
    for place, cell in enumerate(cells):
        tag, attribute = ("th", f' scope="{scope}"') if place < heads and cell else ("td", "")
        row += f"<{tag}{attribute}{TEXT if place < text_columns else ''}>{cell}</{tag}>"
    return row


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
