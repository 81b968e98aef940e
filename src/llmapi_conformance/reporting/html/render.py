"""The page: one file that loads nothing and lets nothing of a gateway act."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.html.bodies import counted
from llmapi_conformance.reporting.html.markup import exact, marked, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Environment

_SIGNS: Final = {
    "failed": "✕",
    "warned": "!",
    "noted": "i",
    "error": "✱",
    "inconclusive": "?",
    "passed": "✓",
    "not_observed": "○",
    "not_offered": "-",
    "waived": "~",
}
_COLOURS: Final = {
    "conformant": "1a7f37",
    "findings": "c5221f",
    "untrusted": "8a3ffc",
    "inconclusive": "8a3ffc",
    "known": "8a6100",
}


def render(context: Mapping[str, Any]) -> str:
    """The page for what the template names."""
    environment = _environment()
    style, script = _resource("report.css"), _resource("report.js")
    if context["plots"]:
        style += _resource("measured.css")
    if context["view"].clients:
        style += _resource("clients.css")
    page = environment.get_template("report.html.j2").render(
        **context,
        style=style,
        script=script,
        policy=_policy(style, script),
        colour=_COLOURS[context["view"].document["headline"]],
    )
    # The size is said at the end, where the rest is known; it is right to the kilobyte.
    end = environment.get_template("end.html.j2")
    length = len(page.encode()) + len(end.render(size="1,000 kB", script=script).encode())
    return page + end.render(size=f"{round(length / 1_000):,} kB", script=script)


def render_still(template: str, styles: Iterable[str], context: Mapping[str, Any]) -> str:
    """A page without any script.

    Args:
        template: Its name.
        styles: Names of its style sheets.
        context: What the template names.
    """
    style = "".join(_resource(name) for name in styles)
    page = _environment().get_template(template)
    return page.render(**context, style=style, policy=_policy(style, ""), colour=_COLOURS[context["headline"]])


def _policy(style: str, script: str) -> str:
    """Nothing is loaded but the icon within the page; only our own style and script count."""
    scripts = f"'sha256-{_hash(script)}'" if script else "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src {scripts}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _resource(name: str) -> str:
    return (files("llmapi_conformance.reporting.html") / "template" / name).read_text("utf-8")


@cache
def _environment() -> Environment:
    # Only what writes a report pays for the template engine.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("llmapi_conformance.reporting.html", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    environment.filters["marked"] = marked
    environment.filters["exact"] = exact
    environment.filters["plain"] = printable
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    environment.globals["signs"] = _SIGNS
    environment.globals["counted"] = counted
    return environment
