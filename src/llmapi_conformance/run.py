"""A run: from a target, or from a recording, to verdicts and reports."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance import __version__
from llmapi_conformance.clients.case import CLIENTS
from llmapi_conformance.contract.contract import Contract, load_contract
from llmapi_conformance.errors import BudgetExceeded, TargetError
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.evidence.shard import Shard
from llmapi_conformance.evidence.silence import broken_at_the_end, stopped_answering
from llmapi_conformance.evidence.tasks import CLEANUP
from llmapi_conformance.judging.check import Check, checking
from llmapi_conformance.judging.verdicts import (
    ClauseVerdict,
    Terms,
    exit_status,
    verdicts,
)
from llmapi_conformance.judging.waivers import Circumstances, bad_waivers, waived
from llmapi_conformance.measuring.objectives import held_objectives
from llmapi_conformance.measuring.statistics import statistics
from llmapi_conformance.measuring.taking import Taken, taken
from llmapi_conformance.outcome import budget_ended_before, outcome_of
from llmapi_conformance.reporting.comparing.baseline import held_against
from llmapi_conformance.reporting.document import RunFacts, document
from llmapi_conformance.reporting.events import EventLog
from llmapi_conformance.reporting.folder import write_reports
from llmapi_conformance.reporting.measured import with_measured
from llmapi_conformance.request import EMBEDDED, Request
from llmapi_conformance.sending.budget import limits_of
from llmapi_conformance.sending.conductor import Conductor
from llmapi_conformance.sending.embedded import Reference, embedded_target, start_reference
from llmapi_conformance.sending.generator import Generation
from llmapi_conformance.sending.plan import Plan, make_plan
from llmapi_conformance.sending.replayer import Replayer
from llmapi_conformance.sending.resuming import Earlier, kept_beside, read_earlier, same_run
from llmapi_conformance.sending.sender import Setting
from llmapi_conformance.sending.sharding import part_of, share_of, whole_plan
from llmapi_conformance.sending.spending import forecast, spent_document, unbounded
from llmapi_conformance.sending.transient import NOT_NOW
from llmapi_conformance.target.description import describe, described
from llmapi_conformance.target.files import load_target
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.names import check_names
from llmapi_conformance.target.profile import Profile, profile_named
from llmapi_conformance.target.target import Target
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.sending.scenario import Instance


class Run:
    """Everything between a target, or a recording, and the verdicts.

    Attributes:
        plan: What is sent; empty until the checks are collected.
        sent_to: The target with the share of its limits that a shard has, once there is a plan; else the target.
        results: The verdicts; empty until the run is finished.
        document: What ``verdicts.json`` says; empty until the run is finished.
    """

    def __init__(self, request: Request) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            ConformanceError: Target file, keyring, recording or contract can't be used.
        """
        self.request = request
        self.contract: Contract = load_contract(tree())
        self.plan = Plan(())
        self.results: list[ClauseVerdict] = []
        self.document: dict[str, Any] = {}
        self.problems: list[str] = []
        self._checks: list[Check] = []
        self._in_order: list[Exchange] = []
        self._reference: Reference | None = None
        self._journal: Journal | None = None
        self._events: EventLog | None = None
        self._source: Conductor | Replayer | None = None
        self._secrets: dict[str, str] = {}
        self._keyring = Keyring({})
        self._earlier: Earlier | None = None
        self.shard = Shard.read(request.shard) if request.shard else None
        self.started_at = time.time()
        if request.replay:
            self._source = replayer = Replayer(Path(request.replay))
            opening = replayer.recording.opening
            self.target: Target = described(opening.target)
            self.profile: Profile = profile_named(opening.profile)
            self.selection: dict[str, Any] = dict(opening.selection)
            self.started_at = opening.started_at
        else:
            self.profile = profile_named(request.profile)
            self.selection = dict(request.selection or {})
            if request.target == EMBEDDED:
                self.target = Target(name="reference gateway", base_url="", roles={})
            else:
                self.target, self._keyring, self._secrets = load_target(Path(request.target))
            wanted = self.generation
            self.selection |= {"generate": wanted.cases, "seed": wanted.seed}
            self.selection |= {"samples": wanted.samples} if wanted.samples else {}
            self.selection |= {"shard": str(self.shard)} if self.shard else {}
        self.sent_to = self.target
        if self.shard and request.target == EMBEDDED:
            raise TargetError("The embedded reference gateway is one run's own: --shard needs a --target.")
        if request.resume:
            if request.target == EMBEDDED:
                raise TargetError("The embedded reference gateway ends with its run: --resume needs a --target.")
            self._earlier = read_earlier(Path(request.resume))
            self.started_at = self._earlier.recording.opening.started_at
        check_names(self.target, self.contract)

    @property
    def generation(self) -> Generation:
        """What is generated: nothing where the answers may have to be paid for, unless it is asked for."""
        ours = self.request.target == EMBEDDED or self.target.sandwich
        cases = self.request.generate if self.request.generate is not None else self.profile.cases if ours else 0
        usual = 0 if self.selection.get("keyword") else self.profile.samples
        samples = usual if self.request.samples is None else self.request.samples
        return Generation(cases, self.request.seed, samples)

    @property
    def of_clients(self) -> bool:
        """Whether official clients sent what is judged: their clauses get a verdict then, and in no other run."""
        return CLIENTS in self.target.offers

    @property
    def is_part(self) -> bool:
        """Whether others send the rest of it: what is not there says nothing then."""
        return bool(self.selection.get("shard"))

    @property
    def is_whole(self) -> bool:
        """Whether everything is sent, and every check looks at it."""
        return not self.is_part and not self.selection.get("keyword")

    @property
    def terms(self) -> Terms:
        """What the target promised."""
        return Terms(
            claims=self.target.claims,
            offers=self.target.offers,
            not_offered=self.target.not_offered,
            overrides=self.target.overrides,
            strict=bool(self.selection.get("fail_on_warned")),
            gaps_fail=self.profile.gaps_fail and self.is_whole,
        )

    def prepare_target(self) -> None:
        """Start the embedded target, when it is the target.

        Raises:
            TargetError: It does not start.
        """
        if self.request.target == EMBEDDED and self._reference is None:
            self._reference = start_reference(
                fault=self.request.fault, variations=self.request.variations, delay_ms=self.request.delay_ms
            )
            self.target, self._keyring = embedded_target(self._reference.announcement)
            self.sent_to = self.target

    def plan_for(self, wanted: Iterable[Instance]) -> Plan:
        """What has to be sent for these scenario instances."""
        many = self.generation
        self.plan = make_plan(self.target, wanted, many.cases, samples=many.samples, probing=self.profile.probing)
        if self.shard:
            everything = whole_plan(self.target, many.cases, samples=many.samples, probing=self.profile.probing)
            part = part_of(self.plan, everything, self.shard, self.target)
            self.sent_to = share_of(self.target, self.profile, self.shard, self.plan, part)
            self.plan = part
        return self.plan

    @property
    def beyond_the_budget(self) -> bool:
        """Whether the plan may break a limit of the profile or the target file, or one that can't be kept."""
        limits = limits_of(self.sent_to, self.profile)
        charge = forecast(self.target, self.plan).charge
        return bool(unbounded(self.target, self.plan) or limits.broken_by(charge))

    def begin(self, wanted: Iterable[Instance]) -> None:
        """Open the recording, look at the target and start sending.

        A recording that lies in the report folder already is kept beside the new one.

        Raises:
            ConformanceError: The target can't be used, or the recording can't be written.
        """
        replay = bool(self.request.replay)
        if not replay:
            self.prepare_target()
        self._events = EventLog(
            self.request.report_dir / "events.jsonl",
            target=self.target.name,
            profile=self.profile.name,
            selection=self.selection,
            replay=replay,
        )
        if replay:
            return
        plan = self.plan_for(wanted)
        if reason := unbounded(self.target, plan):
            raise BudgetExceeded(reason)
        if self._earlier is not None:
            same_run(
                self._earlier,
                target=describe(self.target),
                profile=self.profile.name,
                selection=self.selection,
                contract=self.contract.digest,
            )
        self.request.report_dir.mkdir(parents=True, exist_ok=True)
        path = self.recording_path
        if path.exists():
            path.replace(kept_beside(path) if self._earlier else path.with_stem("recording.previous"))
        self._journal = Journal(
            path,
            tool_version=__version__,
            contract_digest=self.contract.digest,
            target=describe(self.target),
            profile=self.profile.name,
            selection=self.selection,
            started_at=self.started_at,
            resumes=self._earlier.digest if self._earlier else "",
        )
        setting = Setting(
            self.sent_to, self._keyring, self.profile, self.contract.operations, self._secrets, self.generation
        )
        self._source = conductor = Conductor(setting, self._journal)
        conductor.on_result = self._events.scenario_done
        if self._earlier is not None:  # before anything can go wrong
            conductor.take(self._earlier)
        conductor.preflight()
        conductor.begin(plan)

    @property
    def recording_path(self) -> Path:
        """Where the recording is: the one that is judged, or the one that is written."""
        return Path(self.request.replay) if self.request.replay else self.request.report_dir / "recording.jsonl"

    def value_for_check(self, instance: Instance) -> tuple[Any, str]:
        """A scenario's result for the open check, or the reason why there is none."""
        if self._source is None:
            raise RuntimeError("the run has not begun")
        result = self._source.result(instance)
        if result.status is ResultStatus.DONE:
            return result.value, ""
        if self._checks:
            self._checks[-1].stop(result.status, result.reason)
        return None, f"{result.status.value.replace('_', ' ')}: {result.reason}"

    def every_exchange(self) -> list[Exchange]:
        """Every exchange of the scenarios, in an order that does not depend on when they ended.

        What ends the tasks of the run is sent when the checks are through, and so is no evidence for them; in a probe,
        nor is what only said "not now": a load balancer's page is no answer of the gateway.
        """
        if self._source is None:
            raise RuntimeError("the run has not begun")
        self._source.wait()
        unjudged = NOT_NOW if self.profile.probing else frozenset[int]()
        return [one for one in self._all_exchanges() if one.scenario != CLEANUP and one.status not in unjudged]

    def _all_exchanges(self) -> list[Exchange]:
        exchanges = self._source.exchanges if self._source else []
        if len(self._in_order) != len(exchanges):  # checks ask hundreds of times, and exchanges only ever join
            self._in_order = sorted(exchanges, key=lambda one: (one.scenario, one.parameters, one.step, one.attempt))
        return self._in_order

    @contextmanager
    def open_check(self, name: str, clauses: tuple[str, ...]) -> Iterator[Check]:
        """Collect what one check sees."""
        check = Check(name, clauses)
        self._checks.append(check)
        with checking(check):
            yield check
        if self._events is not None:
            self._events.check_judged(check, (self.contract.clauses[name] for name in clauses), self.terms)

    def check_crashed(self, error: BaseException) -> None:
        """The open check failed by itself, not the gateway."""
        check = self._checks[-1]
        if check.status is ResultStatus.DONE:
            check.stop(ResultStatus.ERROR, f"the check failed: {type(error).__name__}: {error}")

    def outcome_of_check(self) -> tuple[str, str]:
        """``passed``, ``failed`` or ``skipped`` for the open check, and the text for pytest."""
        check = self._checks[-1]
        self._excuse(check)
        clauses = [self.contract.clauses[name] for name in check.clauses]
        return outcome_of(check, clauses, self.terms, self._waived, self.target.base_url)

    @property
    def _circumstances(self) -> Circumstances:
        """What the conditions of waivers speak of."""
        day = datetime.fromtimestamp(self.started_at, UTC).date()
        whole = self.is_whole and not self.of_clients
        return Circumstances(day, self.profile.name, self.target.version, whole)

    def _waived(self, results: list[ClauseVerdict]) -> list[ClauseVerdict]:
        if not self.target.waivers:
            return results
        exchanges = {one.id: one for one in self._all_exchanges()}
        return waived(results, self.target.waivers, self._circumstances, exchanges)

    def _excuse(self, check: Check) -> None:
        """That a gateway went away is no finding in the answers that broke off then; known when all was sent."""
        if self._source is None or not any(found.broken for found in check.observed):
            return
        self._source.wait()
        if silence := stopped_answering(self._source.exchanges):
            check.excuse(broken_at_the_end(self._source.exchanges), silence)

    def finish(self, pytest_status: int) -> int:
        """Judge, write the reports, and return the exit status (DESIGN section 3)."""
        ended_at = self._end_recording(pytest_status)
        exchanges = self._all_exchanges()
        clauses = self.contract.clauses
        left_out = {name for name, one in clauses.items() if one.surface == CLIENTS and not self.of_clients}
        owed = [one for name, one in clauses.items() if name not in left_out]
        self.results = self._waived(verdicts(owed, self._checks, self.terms))
        measured = self._taken()
        self.problems.extend(measured.errors)
        if reason := budget_ended_before(self.results):
            self.problems.append(reason)
        waivers = [one for one in self.target.waivers if one.clause not in left_out]
        bad = bad_waivers(self.results, waivers, self._circumstances, clauses, self.terms)
        if not self.problems and pytest_status in _NOT_RUN:
            self.problems.append(_NOT_RUN[pytest_status])
        # A selection may hold nothing but refusals; a whole run without any success says nothing about the gateway.
        served = any(one.succeeded and one.scenario != CLEANUP for one in exchanges)
        if not self.problems and self.is_whole and not served:
            self.problems.append("nothing was observed: no request was answered with success")
        if silence := stopped_answering(exchanges):
            self.problems.append(silence)
        status = exit_status(self.results, trusted=not self.problems, waivers_good=not bad, part=self.is_part)
        facts = RunFacts(
            target=describe(self.target),
            profile=self.profile.name,
            selection=self.selection,
            contract=self.contract.digest,
            started_at=self.started_at,
            ended_at=ended_at,
            problems=tuple(self.problems),
            bad_waivers=tuple(bad),
            seal=self._seal,
            spent=None
            if self.selection.get("traffic")  # no scenario that was recorded by others says what it costs
            else spent_document(
                self.target,
                exchanges,
                int(self.selection.get("generate") or 0),
                int(self.selection.get("samples") or 0),
            ),
        )
        self.document = document(facts, self.results, exchanges, status)
        if self.request.baseline is not None:
            self.document = held_against(self.document, self.request.baseline)
        if measured.series or (measured.unmeasured and not self.is_part):
            found = statistics(measured.series)
            held = held_objectives(() if self.is_part else self.target.objectives, found)
            self.document = with_measured(self.document, found, held, measured.unmeasured)
        status = int(self.document["exit_status"])
        write_reports(self.request.report_dir, self.document, exchanges, self.recording_path)
        if self._events is not None:
            self._events.end(self.document)
        self.close()
        return status

    def _taken(self) -> Taken:
        """The samples for statistics, where some were wanted."""
        if self._source is None or not self.selection.get("samples"):
            return Taken()
        return taken(self._source.result)

    def close(self) -> None:
        """Stop whatever still runs; may be called again."""
        if self._source is not None:
            self._source.close()
        if self._journal is not None:
            self._journal.close(reason="the run ended early")
        if self._events is not None:
            self._events.close()
        if self._reference is not None:
            self._reference.stop()
            self._reference = None

    @property
    def _seal(self) -> str:
        """Of the recording, once it has ended; empty when there is none that is whole."""
        if isinstance(self._source, Replayer):
            return self._source.recording.seal
        return self._journal.seal if self._journal is not None else ""

    def _end_recording(self, pytest_status: int) -> float:
        if isinstance(self._source, Replayer):
            recording = self._source.recording
            self.problems.extend(recording.damaged)
            if recording.closing and recording.closing.reason:
                self.problems.append(recording.closing.reason)
            return recording.closing.ended_at if recording.closing else recording.opening.started_at
        ended_at = round(time.time(), 6)
        if isinstance(self._source, Conductor):
            if pytest_status == pytest.ExitCode.INTERRUPTED:
                self._source.close()
            else:
                self._source.wait()
                self._source.sweep()
            ended_at = round(time.time(), 6)
        if self._journal is not None:
            self._journal.close(ended_at=ended_at, reason=self._why_early(pytest_status))
        return ended_at

    def _why_early(self, pytest_status: int) -> str:
        """Why the run ended before it was through, empty when it did not."""
        if pytest_status not in _NOT_RUN:
            return ""
        return self.problems[0] if self.problems else _NOT_RUN[pytest_status]


_NOT_RUN = {
    int(pytest.ExitCode.INTERRUPTED): "the run was interrupted",
    int(pytest.ExitCode.INTERNAL_ERROR): "the harness failed",
    int(pytest.ExitCode.USAGE_ERROR): "the suite could not be started",
    int(pytest.ExitCode.NO_TESTS_COLLECTED): "no check was selected",
}
