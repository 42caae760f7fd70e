"""Write a report, a list of parts, as Markdown with separate pictures and as one HTML file."""

import base64
import html
from collections.abc import Sequence
from typing import NamedTuple

from descenso.text import printable

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .3rem .7rem; border-bottom: 1px solid #ddd }
td + td, th + th { text-align: right } th { text-align: left } img { max-width: 100% }
pre { background: #f5f5f5; padding: .7rem; overflow: auto; max-height: 20rem }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd } pre { background: #242424 }
  td, th { border-color: #444 } img { background: white } }
"""


class Text(NamedTuple):
    """Text of an HTML element: "h1", "h2", "p", or "pre" for printed lines."""

    tag: str
    text: str


class Table(NamedTuple):
    """Table: its head, then its rows."""

    cells: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """PNG file with a description."""

    name: str
    shows: str
    png: bytes


Part = Text | Table | Picture
MARKDOWN = {"h1": "# {}", "h2": "## {}", "p": "{}", "pre": "```\n{}\n```"}


def as_markdown(parts: Sequence[Part]) -> str:
    """Return the report as Markdown, with links to its pictures by their names."""
    return "\n\n".join(map(_markdown, parts)) + "\n"


def _markdown(part: Part) -> str:
    if isinstance(part, Table):
        head, *body = [[printable(cell).replace("|", "\\|") for cell in row] for row in part.cells]
        rule = ["---", *["---:"] * (len(head) - 1)]
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
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    body = "\n".join(map(_html, parts))
    page = f'<html lang="{language}">\n<head>{head}\n<style>{STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n'
    return "<!doctype html>\n" + page


def _html(part: Part) -> str:
    if isinstance(part, Table):
        head, *body = [[html.escape(printable(cell)) for cell in row] for row in part.cells]
        rows = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body)
        return f"<table>\n<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>\n{rows}\n</table>"
    if isinstance(part, Picture):
        source = base64.b64encode(part.png).decode()
        return f'<img alt="{html.escape(part.shows)}" src="data:image/png;base64,{source}">'
    return f"<{part.tag}>{html.escape(_printable_lines(part.text))}</{part.tag}>"


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
