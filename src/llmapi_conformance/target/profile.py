"""Profiles: which limits a run has."""

from __future__ import annotations

from dataclasses import dataclass

from llmapi_conformance.errors import TargetError


@dataclass(frozen=True, slots=True)
class Profile:
    """Limits of a run.

    Attributes:
        name: As given with ``--profile``.
        summary: Who uses it and what for.
        retries: How often a step is sent again after a transient failure.
        retry_pause: Seconds before the first retry; it doubles, and a Retry-After is honoured up to ``retry_cap``.
        retry_cap: Seconds that a pause may last at most.
        max_requests: Requests to the gateway, at most.
        max_input_tokens: Tokens that models read, at most, as the scenarios declare them.
        max_output_tokens: Tokens that models write, at most.
        deadline: Seconds for the whole run.
        gaps_fail: Whether a clause that nothing could show is failed unless the target file declares it.
        examples: Examples that the machine of tasks draws, at most.
        cases: Generated cases of each operation, where our upstream is behind the gateway and nobody says otherwise.
        samples: Of each statistic, where all checks are selected and nobody says otherwise; 0 for no statistics.
        probing: Whether only those scenarios are sent that are safe in production, and an answer that says "not now"
            (429, 502-504, 529, none at all) is never judged, whatever its scenario is about.
        wrong_key_pause: Seconds between two requests without a good key.
        concurrency: Requests under way at once, at most, where the target allows more; 0 for as many as it allows.
    """

    name: str
    summary: str
    retries: int
    retry_pause: float
    retry_cap: float
    max_requests: int
    max_input_tokens: int
    max_output_tokens: int
    deadline: float
    gaps_fail: bool = False
    examples: int = 12
    cases: int = 0
    samples: int = 0
    probing: bool = False
    wrong_key_pause: float = 0.0
    concurrency: int = 0


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "gate",
            "CI: minutes, everything that can be shown",
            1,
            0.2,
            5.0,
            8_000,
            4_000_000,
            2_000_000,
            900.0,
            cases=20,
        ),
        Profile(
            "probe",
            "nightly, in production, on paid keys: what is safe and cheap, patiently",
            2,
            1.0,
            30.0,
            400,
            60_000,
            30_000,
            900.0,
            probing=True,
            wrong_key_pause=5.0,
            concurrency=4,
        ),
        Profile(
            "acceptance",
            "a vendor's gateway: a gap that is not declared is a finding",
            2,
            1.0,
            60.0,
            12_000,
            8_000_000,
            4_000_000,
            3_600.0,
            gaps_fail=True,
            examples=24,
            cases=60,
            samples=30,
        ),
    )
}


def profile_named(name: str) -> Profile:
    """The profile of this name.

    Raises:
        TargetError: There is none.
    """
    try:
        return PROFILES[name]
    except KeyError:
        raise TargetError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.") from None
