"""Alerts: told once and kept, sent to a webhook at least once, signed, never with its URL shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.adding import add
from llmapi_conformance.history.alerting import alert_document, alert_text, exit_status, tell
from llmapi_conformance.history.models import DeliveryRow
from llmapi_conformance.history.watching import Rules
from llmapi_conformance.history.webhook import GIVEN_UP, Hook, deliver, hook_named
from tests.history.receiver import receiver
from tests.history.weeks import past

if TYPE_CHECKING:
    from llmapi_conformance.history.database import History

RULES = Rules()


def kinds(history: History, **other: bool) -> list[str]:
    return [news.kind.value for one in tell(history, RULES, **other) for news in one.news]  # type: ignore[arg-type]


def test_news_is_told_once_and_again_only_when_asked(history: History) -> None:
    add(history, past({"CHAT-S04": "."}, day=0))
    assert kinds(history) == []
    add(history, past({"CHAT-S04": "F"}, day=1))
    assert kinds(history) == ["broke"]
    assert kinds(history) == []
    assert kinds(history, again=True) == ["broke"]
    add(history, past({"CHAT-S04": "F"}, day=2))
    assert kinds(history) == []
    assert kinds(history, again=True) == []
    add(history, past({"CHAT-S04": "."}, day=3))
    assert kinds(history) == ["mended"]


def test_targets_profiles_and_selections_are_looked_at_each_by_itself(history: History) -> None:
    add(history, past({"CHAT-S04": "."}, day=0))
    add(history, past({"CHAT-S04": "F"}, day=1, target={"name": "other"}))
    add(history, past({"CHAT-S04": "F"}, day=1, profile="gate"))
    add(history, past({"CHAT-S04": "F"}, day=1, selection={"keyword": "chat"}))
    told = tell(history, RULES)
    assert [(one.series.target, one.series.profile, one.series.keyword) for one in told] == [
        ("other", "probe", ""),
        ("staging", "gate", ""),
        ("staging", "probe", "chat"),
    ]
    with pytest.raises(HistoryError, match="has no run of nobody"):
        tell(history, RULES, target="nobody")


def test_a_run_that_is_added_late_does_not_make_old_news(history: History) -> None:
    add(history, past({"CHAT-S04": "F"}, day=5))
    assert kinds(history) == ["broke"]
    add(history, past({"CHAT-S04": "."}, day=3))
    assert kinds(history) == []


def test_the_exit_status_says_whether_somebody_should_look(history: History) -> None:
    add(history, past({"CHAT-S04": "."}, day=0))
    assert exit_status(tell(history, RULES)) == 0
    add(history, past({"CHAT-S04": "F"}, day=1))
    assert exit_status(tell(history, RULES)) == 10
    add(history, past({"CHAT-S04": "."}, day=2))
    assert exit_status(tell(history, RULES)) == 11


def test_an_alert_fits_eighty_columns_and_shows_the_finding(history: History) -> None:
    names = {f"CHAT-S{number:02}": "F" for number in range(1, 41)}
    add(history, past(names))
    told = tell(history, RULES)
    text = alert_text(told, {"CHAT-S01": "A stream ends with one [DONE]."})
    assert max(map(len, text.splitlines())) <= 80
    assert "staging, probe, run of 2026-11-01 03:00 UTC: findings" in text
    assert "  broke: CHAT-S01 failed (MUST, chat)\n    A stream ends with one [DONE].\n    expected  it is so" in text
    assert "and 15 more: CHAT-S26" in text
    document = alert_document(told)
    assert len(document["targets"][0]["news"]) == 40
    assert json.loads(json.dumps(document)) == document


def test_a_message_is_signed_and_says_the_same_as_the_alert(history: History) -> None:
    secret = base64.b64encode(b"k" * 24).decode()
    with receiver() as received:
        environment = {"HOOK": received.url + "/T0KEN", "HOOK_SECRET": f"whsec_{secret}"}
        hook = hook_named("HOOK", "HOOK_SECRET", environment=environment)
        add(history, past({"CHAT-S04": "F"}))
        told = tell(history, RULES, hook=hook.name)
        assert deliver(history, hook) == []
        assert deliver(history, hook) == []
    ((path, headers, body),) = received.requests
    payload = json.loads(body)
    assert path == "/T0KEN"
    assert payload["id"] == headers["webhook-id"]
    assert payload["text"].startswith("staging, probe")
    assert {name: payload[name] for name in alert_document(told)} == alert_document(told)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_nothing_is_sent_when_nothing_is_new(history: History) -> None:
    with receiver() as received:
        add(history, past({"CHAT-S04": "."}))
        tell(history, RULES, hook="HOOK")
        assert deliver(history, Hook("HOOK", received.url)) == []
    assert received.requests == []


def test_what_is_busy_is_asked_again_with_the_same_id(history: History) -> None:
    add(history, past({"CHAT-S04": "F"}))
    tell(history, RULES, hook="HOOK")
    with receiver(429, 503, 204) as received:
        assert deliver(history, Hook("HOOK", received.url)) == []
    assert len({headers["webhook-id"] for _, headers, _ in received.requests}) == 1
    assert len(received.requests) == 3
    with history.reading() as session:
        (row,) = session.scalars(select(DeliveryRow))
    assert (row.attempts, row.trouble, row.delivered_at is not None) == (3, "", True)


def test_what_nobody_took_is_kept_and_sent_the_next_time(history: History) -> None:
    add(history, past({"CHAT-S04": "F"}))
    tell(history, RULES, hook="HOOK")
    with receiver() as received:
        url = received.url + "/T0KEN"
    begun = time.monotonic()
    (trouble,) = deliver(history, Hook("HOOK", url, deadline=1.2))  # nobody listens there any more
    assert time.monotonic() - begun < 20
    assert "was not delivered to HOOK: it can't be reached (ConnectError)" in trouble
    assert "T0KEN" not in trouble
    with receiver(404) as received:
        (trouble,) = deliver(history, Hook("HOOK", received.url))
        assert len(received.requests) == 1
    assert "it answered 404" in trouble
    add(history, past({"CHAT-S04": "."}, day=1))
    tell(history, RULES, hook="HOOK")
    with receiver() as received:
        assert deliver(history, Hook("HOOK", received.url)) == []
    assert [json.loads(body)["exit_status"] for _, _, body in received.requests] == [10, 11]


def test_a_redirect_is_not_followed_since_it_would_give_the_message_to_somebody_else(history: History) -> None:
    add(history, past({"CHAT-S04": "F"}))
    tell(history, RULES, hook="HOOK")
    with receiver(307) as received:
        (trouble,) = deliver(history, Hook("HOOK", received.url))
    assert "it answered 307" in trouble


def test_a_message_that_nobody_took_for_a_week_is_given_up(history: History) -> None:
    add(history, past({"CHAT-S04": "F"}))
    tell(history, RULES, hook="HOOK")
    with history.writing() as session:
        session.execute(update(DeliveryRow).values(created_at=DeliveryRow.created_at))
        row = session.scalars(select(DeliveryRow)).one()
        row.created_at -= GIVEN_UP
    with receiver() as received:
        assert deliver(history, Hook("HOOK", received.url)) == []
    assert received.requests == []


@pytest.mark.parametrize("url", ["", "ftp://h/T0KEN", "T0KEN", "http://", "http:///T0KEN"])
def test_a_webhook_that_cannot_be_used_is_refused_without_its_url(url: str) -> None:
    with pytest.raises(HistoryError, match="HOOK") as caught:
        hook_named("HOOK", environment={"HOOK": url})
    assert "T0KEN" not in str(caught.value)


def test_a_secret_that_is_missing_or_no_base64_is_refused() -> None:
    with pytest.raises(HistoryError, match="has no SECRET"):
        hook_named("HOOK", "SECRET", environment={"HOOK": "http://h/"})
    with pytest.raises(HistoryError, match="is no Base64") as caught:
        hook_named("HOOK", "SECRET", environment={"HOOK": "http://h/", "SECRET": "whsec_*s3cr3t*"})
    assert "s3cr3t" not in str(caught.value)
