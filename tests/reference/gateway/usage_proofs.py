"""What of each fault of the books is seen on the wire; test_faults runs them."""

from __future__ import annotations

from typing import Any

GPT, LIMITED = "general:openai", "general:openai+second_key"
CHAT, USAGE = "/v1/chat/completions", "/v1/usage"
TEXT = "@upstream usage=17000,5000\nx"


def after(site: Any, role: str = GPT, *, stream: bool = False) -> dict[str, Any]:
    """What a fresh key's books say after one call."""
    fresh = site.key(role)
    body = {"model": "gpt-5.1", "stream": stream, "messages": [{"role": "user", "content": TEXT}]}
    assert site.client.post(CHAT, headers={"x-api-key": fresh}, json=body).status_code == 200
    found: dict[str, Any] = site.usage(fresh)
    return found


def total(site: Any, *names: str, stream: bool = False) -> list[int]:
    sums = after(site, stream=stream)["usage"]["total"]
    return [sums[name] for name in names]


def left(site: Any) -> bool:
    document = after(site, LIMITED)
    quota = document["quota"]
    return bool(abs(quota["limit"] - quota["used"] - quota["remaining"]) < 1e-9 and quota["used"] > 0)


def even(site: Any) -> bool:
    view = after(site)
    return bool(view["balance"] == view["remaining"])


def strangers(site: Any) -> int:
    mine = site.key(GPT)
    before = site.usage(mine)["usage"]["total"]["requests"]
    after(site)
    return int(site.usage(mine)["usage"]["total"]["requests"] - before)


def days(site: Any, count: int) -> int:
    return int(site.get(f"{USAGE}?days={count}", GPT).status_code)


def remainders(site: Any) -> bool:
    view = after(site, LIMITED)
    return bool(view["remaining"] == view["quota"]["remaining"])


def busiest(site: Any) -> bool:
    usage = after(site)["usage"]
    return bool(usage["today"]["requests"] <= usage["total"]["requests"])


def asked(site: Any, query: str) -> int:
    return int(site.get(f"{USAGE}?{query}", GPT).status_code)


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
USAGE_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "U01": (left, True, False),
    "U02": (lambda site: total(site, "total_tokens"), [22000], [5000]),
    "U03": (lambda site: [*total(site, "requests"), *total(site, "requests", stream=True)], [1, 1], [1, 0]),
    "U04": (lambda site: total(site, "requests", "total_tokens"), [1, 22000], [2, 44000]),
    "U05": (lambda site: [days(site, 0), days(site, 91), days(site, 7)], [400, 400, 200], [500, 500, 200]),
    "U06": (
        lambda site: [after(site, role)["mode"] for role in (GPT, LIMITED)],
        ["unrestricted", "quota_limited"],
        ["quota_limited", "unrestricted"],
    ),
    "U07": (even, True, False),
    "U08": (lambda site: total(site, "input_tokens", "total_tokens"), [17000, 22000], [0, 5000]),
    "U09": (strangers, 0, 1),
    "U10": (lambda site: len(after(site)["daily_usage"]), 1, 2),
    "U11": (lambda site: after(site, LIMITED)["quota"]["used"] > 0, True, False),
    "U12": (lambda site: after(site)["planName"], "钱包余额", "Wallet balance"),
    "U14": (remainders, True, False),
    "U15": (busiest, True, False),
    "U16": (lambda site: [asked(site, "start_date=soon"), asked(site, "timezone=Mars")], [400, 400], [200, 400]),
    "U17": (lambda site: [asked(site, "start_date=soon"), asked(site, "timezone=Mars")], [400, 400], [400, 200]),
    "U13": (lambda site: [days(site, 90), days(site, 89)], [200, 200], [400, 200]),
}
