"""Properties: what may change in a request, or on the wire of the upstream, without changing anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from llmapi_conformance.judging.any_answer import any_answer
from llmapi_conformance.judging.chat_answer import shown, string
from llmapi_conformance.judging.message_answer import is_count, object_of, same_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.parity import differences_in
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

_NONCE: Final = re.compile(r"\bnonce=[A-Za-z0-9]+")
_CAMEL: Final = re.compile(r"_([a-z])")
_NAMED_BY_CLIENTS: Final = frozenset({"args", "response", "properties", "input"})
"""Members whose own members are named by clients: they are no names of a protocol."""


class Receipt(NamedTuple):
    """What the upstream received for a request: protocol, path, and its body as JSON."""

    protocol: str
    path: str
    body: dict[str, Any]


@oracle("HTTP-R04")
def the_order_of_members_changes_nothing(
    usual: Exchange, usual_log: Exchange, again_log: Exchange, other: Exchange, other_log: Exchange
) -> Judgement:
    """An object is an unordered collection of members (oracle M4, RFC 8259 section 1)."""
    yield from _spelled(usual, usual_log, again_log, other, other_log)


@oracle("HTTP-R05")
def white_space_between_tokens_changes_nothing(
    usual: Exchange, usual_log: Exchange, again_log: Exchange, other: Exchange, other_log: Exchange
) -> Judgement:
    """White space is allowed before and after any token (oracle M4, RFC 8259 section 2)."""
    yield from _spelled(usual, usual_log, again_log, other, other_log)


@oracle("HTTP-R06")
def escapes_in_strings_change_nothing(
    usual: Exchange, usual_log: Exchange, again_log: Exchange, other: Exchange, other_log: Exchange
) -> Judgement:
    """Any character may be escaped, beyond 16 bits as a surrogate pair (oracle M4, RFC 8259 section 7)."""
    yield from _spelled(usual, usual_log, again_log, other, other_log)


@oracle("CHAT-A03")
def a_null_in_chat_is_no_member(
    absent: Exchange, absent_log: Exchange, null: Exchange, null_log: Exchange
) -> Judgement:
    """Optional members that are null change neither the answer nor the upstream's request (C-request, oracle M4)."""
    yield from _equal(absent, absent_log, null, null_log, "without the members")


@oracle("RSP-P12")
def a_null_in_responses_is_no_member(
    absent: Exchange, absent_log: Exchange, null: Exchange, null_log: Exchange
) -> Judgement:
    """Optional members that are null change neither the answer nor the upstream's request (R-request, oracle M4)."""
    yield from _equal(absent, absent_log, null, null_log, "without the members")


@oracle("MSG-C15")
def a_turn_of_one_text_block_is_a_turn_of_text(
    short: Exchange, short_log: Exchange, long: Exchange, long_log: Exchange
) -> Judgement:
    """A string as content equals one text block (A-request, oracle M5)."""
    yield from _equal(short, short_log, long, long_log, "with strings as content")


@oracle("MSG-C17")
def a_system_prompt_of_one_block_is_a_text(
    short: Exchange, short_log: Exchange, long: Exchange, long_log: Exchange
) -> Judgement:
    """A string as system prompt equals one text block (A-request, oracle M5)."""
    yield from _equal(short, short_log, long, long_log, "with a string as system prompt")


@oracle("CHAT-A02")
def one_text_part_is_a_text(short: Exchange, short_log: Exchange, long: Exchange, long_log: Exchange) -> Judgement:
    """A string as content equals one text part (C-request, oracle M5)."""
    yield from _equal(short, short_log, long, long_log, "with strings as content")


@oracle("CHAT-P03")
def one_stop_text_in_an_array_is_a_stop_text(
    short: Exchange, short_log: Exchange, long: Exchange, long_log: Exchange
) -> Judgement:
    """A string as stop equals an array with it (C-request, oracles M5, M8)."""
    yield from _equal(short, short_log, long, long_log, "with a string as stop")


@oracle("RSP-P03")
def a_text_as_input_is_one_message(
    short: Exchange, short_log: Exchange, long: Exchange, long_log: Exchange
) -> Judgement:
    """A text as input equals one message of the user with it (R-request, oracle M5)."""
    yield from _equal(short, short_log, long, long_log, "with a text as input")


@oracle("GEM-P03")
def no_role_is_the_users_role(long: Exchange, long_log: Exchange, short: Exchange, short_log: Exchange) -> Judgement:
    """A content without role is the user's (G-request, oracle M5)."""
    yield from _equal(long, long_log, short, short_log, "with the role of the user")


@oracle("GEM-P04")
def any_member_may_be_in_snake_case(
    usual: Exchange, usual_log: Exchange, snake: Exchange, snake_log: Exchange
) -> Judgement:
    """Each name may be written in snake_case, whatever the others are (G-request)."""
    yield from _equal(usual, usual_log, snake, snake_log, "with names in lowerCamelCase")


@oracle("MSG-C18")
def a_message_is_the_same_in_any_pieces(whole: Exchange, pieces: Exchange) -> Judgement:
    """How the upstream's bytes are cut changes nothing (H4, oracle M6)."""
    yield from _same_answer(whole, pieces)


@oracle("CHAT-M04")
def a_completion_is_the_same_in_any_pieces(whole: Exchange, pieces: Exchange) -> Judgement:
    """How the upstream's bytes are cut changes nothing (H4, oracle M6)."""
    yield from _same_answer(whole, pieces)


@oracle("RSP-S28")
def a_response_is_the_same_in_any_pieces(whole: Exchange, pieces: Exchange) -> Judgement:
    """How the upstream's bytes are cut changes nothing (H4, oracle M6)."""
    yield from _same_answer(whole, pieces)


@oracle("GEM-X03")
def a_gemini_answer_is_the_same_in_any_pieces(whole: Exchange, pieces: Exchange) -> Judgement:
    """How the upstream's bytes are cut changes nothing (H4, oracle M6)."""
    yield from _same_answer(whole, pieces)


@oracle("GEM-T03")
def one_more_content_counts_more(short: Exchange, longer: Exchange) -> Judgement:
    """A message more is more tokens (oracle M17)."""
    less, more = (object_of(one.json).get("totalTokens") for one in (short, longer))
    if is_count(less) and is_count(more):
        yield from _more(less, more, longer)


@oracle("MSG-U07")
def a_longer_conversation_costs_more_through_messages(short: Exchange, longer: Exchange) -> Judgement:
    """A message more is more input (oracle M17)."""
    yield from _costs_more(short, longer)


@oracle("CHAT-U11")
def a_longer_conversation_costs_more_through_chat(short: Exchange, longer: Exchange) -> Judgement:
    """A message more is more input (oracle M17)."""
    yield from _costs_more(short, longer)


@oracle("RSP-N19")
def a_longer_conversation_costs_more_through_responses(short: Exchange, longer: Exchange) -> Judgement:
    """A message more is more input (oracle M17)."""
    yield from _costs_more(short, longer)


@oracle("GEM-N10")
def a_longer_conversation_costs_more_through_gemini(short: Exchange, longer: Exchange) -> Judgement:
    """A message more is more input (oracle M17)."""
    yield from _costs_more(short, longer)


@oracle("ACC-D12")
def a_second_model_opens_nothing(answer: Exchange, log: Exchange, other: str) -> Judgement:
    """A model of another group, named in the query or twice in the body, does not answer (CWE-863, defect M04)."""
    yield from _not_served(answer, log, other)


@oracle("ACC-D13")
def a_model_beside_geminis_path_opens_nothing(answer: Exchange, log: Exchange, other: str) -> Judgement:
    """What query and body of a Gemini path name does not lift the restrictions of the path (CWE-863, defect M05)."""
    yield from _not_served(answer, log, other)


def received(log: Exchange) -> Receipt | None:
    """What the upstream received last, nonces and the long forms of sugar aside; ``None`` when it received nothing."""
    entries = [entry for entry in log_entries(log) if isinstance(entry.get("body"), dict)]
    if not entries:
        return None
    body = long_form({name: value for name, value in entries[-1]["body"].items() if value is not None})
    return Receipt(string(entries[-1].get("protocol")), string(entries[-1].get("path")), body)


def long_form(body: dict[str, Any]) -> dict[str, Any]:
    """A request body with everything in full that its protocol has a short form for (oracle M5), without nonces."""
    found = _plain_names(body) if "contents" in body or "system_instruction" in body else dict(body)
    for name in ("messages", "input"):
        if name == "input" and isinstance(found.get(name), str):
            found[name] = [{"type": "message", "role": "user", "content": found[name]}]
        if isinstance(found.get(name), list):
            kind = "text" if name == "messages" else "input_text"
            found[name] = [_long_turn(turn, kind) for turn in found[name]]
    if isinstance(found.get("system"), str):
        found["system"] = [{"type": "text", "text": found["system"]}]
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    if isinstance(found.get("contents"), list):
        found["contents"] = [{"role": "user"} | object_of(content) for content in found["contents"]]
    cleaned: dict[str, Any] = _without_nonces(found)
    return cleaned


def _spelled(
    usual: Exchange, usual_log: Exchange, again_log: Exchange, other: Exchange, other_log: Exchange
) -> Judgement:
    one, again = received(usual_log), received(again_log)
    steady = set[str]()
    if one is not None and again is not None:
        names = one.body.keys() | again.body.keys()
        steady = {name for name in names if not same_json(one.body.get(name), again.body.get(name))}
    yield from _equal(usual, usual_log, other, other_log, "for the usual spelling", own=steady)


def _equal(
    one: Exchange, one_log: Exchange, other: Exchange, other_log: Exchange, how: str, *, own: set[str] | None = None
) -> Judgement:
    """Two requests that mean the same are answered in the same way and reach the upstream as the same.

    Args:
        one: An answer, which must be a success to be a measure.
        one_log: What the upstream received for it.
        other: The answer that is judged.
        other_log: What the upstream received for that.
        how: How the first one was asked.
        own: Members of the upstream's request that the gateway fills with what it likes.
    """
    if not one.succeeded:
        return
    yield from _same_answer(one, other, how)
    first, second = received(one_log), received(other_log)
    if first is None or second is None or not other.succeeded:
        return
    yield Examined("request to the upstream")
    for name in ("protocol", "path"):
        if getattr(first, name) != getattr(second, name):
            yield Deviation(
                f"{name} {getattr(first, name)} at the upstream, as {how}", getattr(second, name), exchange=other
            )
    for name in sorted((first.body.keys() | second.body.keys()) - (own or set())):
        where = next(_differing(first.body.get(name), second.body.get(name), name), None)
        if where is not None:
            place, wanted, found = where
            yield Deviation(
                f"{place} at the upstream as {how}: {shown(wanted, 200)}",
                "nothing there" if found is None else shown(found, 200),
                exchange=other,
            )


def _same_answer(one: Exchange, other: Exchange, how: str = "with the upstream's bytes in other pieces") -> Judgement:
    if not one.succeeded:
        return
    first = any_answer(one)
    yield Examined("pair of answers")
    if not other.succeeded:
        said = shown(other.body[:160].decode("utf-8", "replace"), 200)
        yield Deviation(f"status {one.status}, as {how}", f"status {other.status}: {said}", exchange=other)
        return
    second = any_answer(other)
    if first is None:
        return
    if second is None:
        yield Deviation(f"an answer, as {how}", "none that a client could read", exchange=other)
        return
    for found in differences_in(first, second):
        yield Deviation(f"{found.what} {found.one}, as {how}", found.other, exchange=other)


def _differing(one: Any, other: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Places where two JSON values differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            yield from _differing(one.get(name), other.get(name), f"{where}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _differing(first, second, f"{where}[{number}]")
    elif not same_json(one, other):
        yield where, one, other


def _costs_more(short: Exchange, longer: Exchange) -> Judgement:
    less, more = any_answer(short), any_answer(longer)
    if less is None or more is None or less.counts.input is None or more.counts.input is None:
        return
    yield from _more(less.counts.input, more.counts.input, longer)


def _more(less: int, more: int, longer: Exchange) -> Judgement:
    yield Examined("pair of counts")
    if more <= less:
        yield Deviation(f"more than {less} tokens with a message more", str(more), exchange=longer)


def _not_served(answer: Exchange, log: Exchange, other: str) -> Judgement:
    """No request to the upstream, and no answer, names a model that the key may not call."""
    yield Examined("request that names two models")
    for entry in log_entries(log):
        path = string(entry.get("path"))
        # Gemini's path alone says which model is asked: what the body names beside it is passed on like any member.
        asked = path.rpartition("/models/")[2] if "/models/" in path else object_of(entry.get("body")).get("model")
        if _names(string(asked), other):
            yield Deviation(
                f"a refusal, or an answer of the key's own group, never one of {other}",
                f"status {answer.status}, and the upstream was asked for {other}",
            )
            return
    if answer.succeeded and isinstance(answer.json, dict):
        told = [string(answer.json.get(name)) for name in ("model", "modelVersion")]
        if any(_names(name, other) for name in told):
            yield Deviation(f"a refusal, or an answer of the key's own group, never one of {other}", f"one of {other}")


def _names(word: str, model: str) -> bool:
    return word.partition(":")[0] == model


def _long_turn(turn: Any, kind: str) -> Any:
    content = object_of(turn).get("content")
    return {**turn, "content": [{"type": kind, "text": content}]} if isinstance(content, str) else turn


def _plain_names(value: Any) -> Any:
    """Gemini's body with its names in lowerCamelCase, but for those that clients choose."""
    if isinstance(value, list):
        return [_plain_names(each) for each in value]
    if isinstance(value, dict):
        return {
            _CAMEL.sub(lambda found: found[1].upper(), name): inner
            if name in _NAMED_BY_CLIENTS
            else _plain_names(inner)
            for name, inner in value.items()
        }
    return value


def _without_nonces(value: Any) -> Any:
    if isinstance(value, str):
        return _NONCE.sub("nonce=", value)
    if isinstance(value, list):
        return [_without_nonces(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_nonces(inner) for name, inner in value.items()}
    return value
