"""The HTML of the page, from a template: native controls, and places for what Bokeh draws."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from descenso.lab.desk import WORDS
from descenso.lab.faults import FAULTS
from descenso.lab.panel_plots import palette
from descenso.text import _, language

if TYPE_CHECKING:
    from descenso.lab.desk import Desk

SHORTEST, LONGEST = -5, 1  # exponents of the least and the largest learning rate of the slider


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("descenso.lab"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def page_html(desk: "Desk", item: Mapping[str, Any], roots: Sequence[Any]) -> str:
    """Return the page in the language in use.

    Args:
        desk: what the pages share.
        item: session and elements of the Bokeh document, as `Bokeh.embed.embed_items` takes them.
        roots: what Bokeh draws, each with a name.
    """
    places = {root.name: item["roots"][root.id] for root in roots}
    whole = json.dumps(item).replace("<", "\\u003c")  # in a script element, which "</script>" would end
    return _environment().get_template("page.html").render(
        _=_, language=language(), desk=desk, place=places, item=Markup(whole), words=WORDS, faults=FAULTS,  # noqa: S704
        palette=palette(), shortest=SHORTEST, longest=LONGEST,
    )  # fmt: skip
