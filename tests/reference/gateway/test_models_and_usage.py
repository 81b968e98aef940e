from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llmapi_conformance.reference.gateway.keys import ApiKey, role_named
from llmapi_conformance.reference.gateway.ledger import Ledger
from llmapi_conformance.reference.gateway.usage import Window, statement

SIX = {"requests", "input_tokens", "output_tokens", "total_tokens", "cost", "actual_cost"}


@pytest.mark.parametrize(
    ("path", "role"), [("/v1/messages", "general:anthropic"), ("/v1/chat/completions", "general:openai")]
)
def test_each_listed_model_can_be_called_under_both_protocols(site: Any, path: str, role: str) -> None:
    listing = site.get("/v1/models", role).json()
    ids = [item["id"] for item in listing["data"]]
    assert listing["object"] == "list"
    assert (listing["first_id"], listing["last_id"], listing["has_more"]) == (ids[0], ids[-1], False)
    assert ids == site.gateway.models[role]
    for item in listing["data"]:
        assert (item["object"], item["type"]) == ("model", "model")
        assert isinstance(item["created"], int)
        assert dt.datetime.fromisoformat(item["created_at"]).timestamp() == item["created"]
        for each in (path, "/v1/messages", "/v1/chat/completions"):
            assert site.ask(each, role, "hi", model=item["id"]).status_code == 200


def test_groups_list_different_models(site: Any) -> None:
    assert set(site.gateway.models) == {
        "general:openai",
        "general:anthropic",
        "general:gemini",
        "general:antigravity",
        "image:batch",
    }
    assert not set(site.gateway.models["general:openai"]) & set(site.gateway.models["general:anthropic"])


@pytest.mark.parametrize(
    "role", ["general:anthropic+second_key", "general:openai+rate_limited", "image:batch+exhausted"]
)
def test_a_key_with_a_quota_reads_it(site: Any, role: str) -> None:
    usage = site.usage(site.gateway.keys[role])
    quota = usage["quota"]
    assert (usage["mode"], usage["isValid"], quota["unit"], usage["unit"]) == ("quota_limited", True, "USD", "USD")
    assert quota["remaining"] == usage["remaining"] == pytest.approx(quota["limit"] - quota["used"])
    assert (quota["remaining"] == 0) == role.endswith("exhausted")
    assert isinstance(usage["status"], str)
    for part in ("today", "total"):
        assert set(usage["usage"][part]) == SIX
    assert {"average_duration_ms", "rpm", "tpm"} <= set(usage["usage"])
    assert all(isinstance(usage[name], list) for name in ("daily_usage", "model_stats"))


def test_a_key_without_a_quota_reads_the_wallet(site: Any) -> None:
    usage = site.usage(site.gateway.keys["general:openai"])
    assert (usage["mode"], usage["planName"], usage["unit"]) == ("unrestricted", "钱包余额", "USD")
    assert usage["remaining"] == usage["balance"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("days=1", 200),
        ("days=90", 200),
        ("days=7&start_date=2026-05-01&end_date=2026-05-29&timezone=Asia%2FShanghai", 200),
        ("days=0", 400),
        ("days=91", 400),
        ("days=-1", 400),
        ("days=x", 400),
        ("days=", 400),
        ("days=1.5", 400),
        ("timezone=Mars/Olympus", 400),
        ("timezone=../../etc/passwd", 400),
        ("start_date=2026-02-30", 400),
        ("start_date=20260201", 400),
        ("start_date=0001-01-01", 400),
        ("end_date=9999-12-31", 400),
        ("start_date=2026-05-02&end_date=2026-05-01", 400),
    ],
)
def test_the_window_of_the_query_is_checked(site: Any, query: str, status: int) -> None:
    answer = site.get(f"/v1/usage?{query}", "general:openai")
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status == 400)


def test_days_are_those_of_the_time_zone() -> None:
    # 2026-05-01 20:30 in UTC is 2026-05-02 04:30 at eight hours east.
    now = dt.datetime(2026, 5, 1, 20, 30, tzinfo=dt.UTC).timestamp()
    ledger = Ledger(now=lambda: now)
    key = ApiKey("k", role_named("general:openai"), "tenant")
    ledger.record(key, "gpt-5.1", 1000, 100)
    east = dt.timezone(dt.timedelta(hours=8))
    there = statement(key, ledger, Window(7, east, None, None))
    here = statement(key, ledger, Window(7, dt.UTC, None, None))
    assert [day["date"] for day in there["daily_usage"]] == ["2026-05-02"]
    assert [day["date"] for day in here["daily_usage"]] == ["2026-05-01"]
    day = dt.date(2026, 5, 1)
    assert statement(key, ledger, Window(7, east, day, day))["model_stats"] == []
    assert statement(key, ledger, Window(7, dt.UTC, day, day))["model_stats"][0]["requests"] == 1
    later = now + 86400
    ledger.now = lambda: later
    tomorrow = statement(key, ledger, Window(1, dt.UTC, None, None))
    assert (tomorrow["usage"]["today"]["requests"], tomorrow["usage"]["total"]["requests"]) == (0, 1)
    assert (tomorrow["usage"]["rpm"], tomorrow["usage"]["tpm"], tomorrow["daily_usage"]) == (0, 0, [])
    assert tomorrow["balance"] == pytest.approx(1000 - 1000 * 1.25e-6 - 100 * 10e-6)
