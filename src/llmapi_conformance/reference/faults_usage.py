"""Faults of the books and of what `GET /v1/usage` says of them."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.reference.fault import Fault

_QUOTA: Final = "the view of a key with a quota"
_WALLET: Final = "the view of a key without one"
_VIEW: Final = "GET /v1/usage"

USAGE_FAULTS: Final = (
    Fault("U01", "remaining is the whole limit", (), f"{_QUOTA}, of which some is used", ("USE-V07",)),
    Fault("U02", "total_tokens is not the sum", (), f"{_VIEW} after a call", ("USE-V09",)),
    Fault("U03", "streams are not booked", ("bifrost#4518", "sub2api#2167"), "a streamed call", ("USE-L02",)),
    Fault("U04", "each call is booked twice", ("sub2api#2332", "new-api#6074"), "every call", ("USE-L01", "USE-L02")),
    Fault("U05", "days out of range is a 500", (), "days=0, days=91", ("USE-P02",)),
    Fault("U06", "the mode is the other one", (), _VIEW, ("USE-V03", "USE-V05", "USE-V12")),
    Fault("U07", "balance is not what remains", (), _WALLET, ("USE-V10",)),
    Fault("U08", "input tokens count as none", ("envoy#2352",), f"{_VIEW} after a call", ("USE-L01", "USE-L02")),
    Fault("U09", "all keys have one account", (), "a call of another key", ("USE-L09",)),
    Fault("U10", "each day stands twice", (), f"{_VIEW} after a call", ("USE-P08",)),
    Fault("U11", "what is used of the quota stands still", (), f"{_QUOTA}, after a call", ("USE-L07",)),
    Fault("U12", "the plan has an English name", (), _WALLET, ("USE-V11",)),
    Fault("U14", "remaining at the top is not the quota's", (), _QUOTA, ("USE-V08",)),
    Fault("U15", "today has more requests than the total", (), _VIEW, ("USE-V13",)),
    Fault("U16", "a start_date that is no date is ignored", (), "such a date", ("USE-P05",)),
    Fault("U17", "a time zone that does not exist is ignored", (), "such a timezone", ("USE-P06",)),
    Fault("U13", "days=90 is refused", (), "days=90", ("USE-P01",)),
)
