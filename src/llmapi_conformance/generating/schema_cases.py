"""Cases from the description: schemathesis' coverage phase, and a few of its random ones.

Only the generator process imports this module: schemathesis and hypothesis take their time.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core import NotSet

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.contract.operations import match_operation
from llmapi_conformance.generating.description import JSON, Described, described, document_for
from llmapi_conformance.generating.promises import promise_of_document, promise_of_query
from llmapi_conformance.generating.shapes import difference
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.generating.cases import Case, Family, Order, Promise

CREDENTIALS: Final = frozenset({"authorization", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization"})
_CLIENT: Final = frozenset({"user-agent", "accept", "accept-encoding", "connection", "content-length", "host"})
"""Headers that a client library adds by itself."""
_BASE: Final = "http://127.0.0.1"
_BOUNDARY: Final = re.compile(r"boundary=\"?([^\";]+)")
_NAMED: Final = re.compile(r"/properties/([^/ ]+)|'([^']+)'")
_DRAWN: Final = re.compile("--([0-9a-f]{32})")
_FIXED: Final = "----------------------------5eed"
"""Stands for whatever boundary a library drew."""
_WORSE: Final = ("served", "robust", "refused_assumed", "refused")
FUZZ_SHARE: Final = 20
"""One pair in so many wanted cases is drawn from hypothesis: a draw takes as long as fifty others."""
_SIMPLE: Final = 2
"""Drawn first, and left out: the first of a draw are the simplest, whatever the seed."""
_PLACES: Final = 3
"""Places that are named of a case with many."""


def coverage_cases(order: Order) -> Iterator[Case]:
    """Every case of the coverage phase: each keyword of each schema, kept and broken."""
    one = described(order.operation)
    schema, operation = _loaded(one, order)
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    made = schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=schema.config.generation)
    maker = None
    for raw in made:
        maker = maker or _Maker(one, order, raw)
        phase = raw.meta.phase.data if raw.meta else None
        family: Family = "coverage"
        if raw.method.upper() != one.operation.method:
            family = "method"
        elif getattr(phase, "parameter", "") == "Content-Type" or "media type" in getattr(phase, "description", ""):
            family = "media"
        case = maker.case(raw, family, getattr(phase, "description", "") or "")
        if case is not None:
            yield case


def fuzz_cases(order: Order) -> Iterator[Case]:
    """A few random cases, as many valid as invalid ones; how many, ``order.count`` decides."""
    one = described(order.operation)
    wanted = order.count // FUZZ_SHARE // 2
    if not wanted or not (one.contents or one.parameters):
        return
    _, operation = _loaded(one, order)
    maker = _Maker(one, order, None)
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        number = order.random(f"fuzz {mode.value}").getrandbits(32)
        for raw in _drawn(operation.as_strategy(generation_mode=mode), number, wanted + _SIMPLE)[_SIMPLE:]:
            case = maker.case(raw, "fuzz", f"{mode.value}, by chance")
            if case is not None:
                yield case


def _drawn(strategy: Any, number: int, count: int) -> list[Any]:
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(raw: Any) -> None:
        found.append(raw)

    with suppress(Unsatisfiable):
        collect()
    return found


def _loaded(one: Described, order: Order) -> tuple[Any, Any]:
    schema: Any = schemathesis.openapi.from_dict(document_for(one, order.sample))
    return schema, next(result.ok() for result in schema.get_all_operations())


class _Maker:
    """Turns what schemathesis made for an operation into cases of ours.

    Attributes:
        usual: Where no value was asked for, schemathesis fills one in: (place, name) -> that value. It is taken out
            again, so that a case differs from the sample only in what it is about.
    """

    def __init__(self, one: Described, order: Order, first: Any) -> None:
        self.one = one
        self.order = order
        self.usual: dict[tuple[str, str], Any] = {}
        if first is not None:
            self.usual = {("query", name): value for name, value in (first.query or {}).items()}
            self.usual |= {("header", name.lower()): value for name, value in (first.headers or {}).items()}

    def case(self, raw: Any, family: Family, words: str) -> Case | None:
        """The case, ``None`` where it would be the sample, another operation's, or nothing that can be written."""
        target, built = self._target(raw), _built(raw)
        if target is None or built is None:
            return None
        media_type, body, document = built
        case = self.order.case(
            "",
            "robust",
            family=family,
            method=raw.method.upper(),
            target=target,
            headers=self._headers(raw, media_type),
            body=body,
        )
        where, promise = self._meaning(case, document)
        if where == "body" and document is ... and body:
            where = _field(raw)
        if family in ("method", "media"):
            where, promise = {"method": "method", "media": "header.content-type"}[family], "robust"
        if not where:
            return None
        words = words.partition("\n")[0].rpartition(": ")[2] or family
        return replace(case, about=f"{words} at {where}", where=where, promise=promise)

    def _target(self, raw: Any) -> str | None:
        """Path and query; ``None`` when the path is not one of the operation's."""
        values = {name: quote(str(value), safe="") for name, value in (raw.path_parameters or {}).items()}
        operation, method = self.one.operation, raw.method.upper()
        path = operation.path.format(**values)
        if not operation.pattern.fullmatch(path) or any(value in {".", ".."} for value in values.values()):
            return None
        if method != operation.method and match_operation(load_contract(tree()).operations, method, path):
            return None
        asked = _query(self.order.sample.target)
        pairs: list[tuple[str, str]] = []
        for name, value in (raw.query or {}).items():
            if ("query", name) in self.usual and self.usual["query", name] == value:
                pairs += [(name, asked[name])] if name in asked else []
            else:
                pairs += [(name, text) for text in _texts(value)]
        query = urlencode(pairs, quote_via=quote)
        return f"{path}?{query}" if query else path

    def _headers(self, raw: Any, media_type: str) -> tuple[tuple[str, str], ...]:
        """The sample's headers, the generated ones, and the media type of the body."""
        known = {each["name"].lower() for each in self.one.parameters if each["in"] == "header"}
        sample = {name.lower(): value for name, value in self.order.sample.headers}
        headers = [pair for pair in self.order.sample.headers if pair[0].lower() not in {*known, "content-type"}]
        for name, value in (raw.headers or {}).items():
            lower = name.lower()
            if lower == "content-type":
                media_type = str(value)
            elif self.usual.get(("header", lower)) == value:
                headers += [(name, sample[lower])] if lower in sample else []
            elif lower not in CREDENTIALS | _CLIENT:
                headers.append((name, str(value)))
        return (*headers, *([("Content-Type", media_type)] if media_type else []))

    def _meaning(self, case: Case, document: Any) -> tuple[str, Promise]:
        """What a case changes, and what is promised of its answer."""
        one, sample = self.one, self.order.sample
        places: list[str] = []
        promises: list[Promise] = []
        if one.contents and document is not ...:
            places += filter(None, [difference(self.order.document, document)])
            promises.append(promise_of_document(one, document))
        elif case.body != sample.body:
            places.append("body")
            if not case.body and one.body_required:
                promises.append("refused")  # F9.10 has the words: Request body is empty
        described_names = {(each["in"], each["name"].lower()) for each in one.parameters}
        before, after = dict(sample.headers), dict(case.headers)
        headers = [name for name in _changed(before, after) if document is not ... or name != "content-type"]
        asked, asking = _query(sample.target), _query(case.target)
        for place, name in (*(("header", name) for name in headers), *(("query", n) for n in _changed(asked, asking))):
            places.append(f"{place}.{name if (place, name.lower()) in described_names else 'other'}")
            if place == "query" and name in asking:
                promises.append(promise_of_query(one, name, asking[name]))
        if case.target.partition("?")[0] != sample.target.partition("?")[0]:
            return "path", "robust"  # nobody has a model or a task of this name
        worst: Promise = max(promises, key=_WORSE.index, default="robust")
        return ", ".join(dict.fromkeys(places[:_PLACES])), worst


def _field(raw: Any) -> str:
    """The field of a form that a case is about."""
    phase = raw.meta.phase.data if raw.meta else None
    found = _NAMED.search(f"{getattr(phase, 'location', '')} {getattr(phase, 'description', '')}")
    return f"form.{found[1] or found[2]}" if found else "form"


def _texts(value: Any) -> list[str]:
    """A query value as its texts, in the way of forms: an array is the parameter repeated."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value if isinstance(value, str) else json.dumps(value)]


def _headers(one: Described, order: Order, raw: Any, media_type: str) -> tuple[tuple[str, str], ...]:
    """The sample's headers that no parameter describes, the generated ones, and the media type of the body."""
    known = {each["name"].lower() for each in one.parameters if each["in"] == "header"}
    own = [pair for pair in order.sample.headers if pair[0].lower() not in {*known, "content-type"}]
    made = [
        (name, str(value))
        for name, value in (raw.headers or {}).items()
        if name.lower() not in CREDENTIALS | _CLIENT and name.lower() != "content-type"
    ]
    given = next((str(value) for name, value in (raw.headers or {}).items() if name.lower() == "content-type"), "")
    chosen = given or media_type
    return (*own, *made, *([("Content-Type", chosen)] if chosen else []))


def _built(raw: Any) -> tuple[str, bytes, Any] | None:
    """Media type, bytes, and the document where it is JSON; ``None`` where it can't be written."""
    if isinstance(raw.body, NotSet):
        return "", b"", ...
    if raw.media_type == JSON:
        try:
            return JSON, json.dumps(raw.body, ensure_ascii=False, separators=(",", ":")).encode(), raw.body
        except (TypeError, ValueError):
            return None
    plain = raw.as_transport_kwargs(base_url=_BASE)
    kept = {name: plain[name] for name in ("method", "url", "files", "data", "json") if name in plain}
    try:
        prepared: Any = requests.Request(**kept).prepare()
    except (requests.RequestException, UnicodeError, ValueError, TypeError):
        return None
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    given = dict(plain.get("headers") or {}).get("Content-Type")
    media_type = str(prepared.headers.get("Content-Type") or given or raw.media_type or "")
    drawn = _BOUNDARY.search(media_type) or _DRAWN.match(body.decode("latin-1"))
    if drawn:
        media_type = media_type.replace(drawn[1], _FIXED)
        body = body.replace(drawn[1].encode(), _FIXED.encode())
    return media_type, body, ...


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    lower = [{name.lower(): value for name, value in each.items()} for each in (before, after)]
    names = {**lower[0], **lower[1]}
    return [name for name in names if lower[0].get(name) != lower[1].get(name)]


def _query(target: str) -> dict[str, str]:
    return dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
