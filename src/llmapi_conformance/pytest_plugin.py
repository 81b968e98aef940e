"""The pytest plugin: scenarios as fixtures, one pass of sending, verdicts at the end; idle without its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.errors import ConformanceError

if TYPE_CHECKING:
    from collections.abc import Generator

    from llmapi_conformance.run import Run

RUN: pytest.StashKey[Run] = pytest.StashKey()


class Nonconformance(AssertionError):
    """A check found something that fails a clause."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("llmapi-conformance", "conformance of LLM gateways")
    group.addoption(
        "--target",
        metavar="FILE",
        help="target file of the gateway under test, or 'embedded' for the reference gateway",
    )
    group.addoption("--profile", default="gate", help="limits of the run: gate, probe or acceptance (default: gate)")
    group.addoption("--replay", metavar="RECORDING", help="judge a recording again instead of sending anything")
    group.addoption(
        "--report-dir", metavar="DIR", help="where recording and reports go (default: a new folder under reports/)"
    )
    group.addoption(
        "--fail-on-warned", action="store_true", help="a broken SHOULD fails the run, assumed clauses aside"
    )
    group.addoption(
        "--generate", type=int, metavar="N", help="generated cases of each operation (default: as the profile says)"
    )
    group.addoption("--generate-seed", type=int, default=1, metavar="S", help="what they are drawn from (default: 1)")
    group.addoption("--samples", type=int, metavar="N", help="samples of each statistic (default: as the profile says)")
    group.addoption("--shard", default="", metavar="I/N", help="send the I-th of N parts only")
    group.addoption("--plan", action="store_true", help="say what would be sent, and send nothing")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Prepare a run when one is asked for."""
    config.addinivalue_line("markers", "clause(*ids): the clauses that a check judges")
    option = config.option
    if not (option.target or option.replay or RUN in config.stash):
        return
    if hasattr(config, "workerinput") or getattr(option, "numprocesses", None):
        raise pytest.UsageError("Sending is one process: run without -n.")
    # Imported here, so that somebody's own pytest run does not pay for it.
    from llmapi_conformance.request import asked
    from llmapi_conformance.run import Run
    from llmapi_conformance.scenario_fixtures import scenario_fixtures

    try:
        run = config.stash[RUN] if RUN in config.stash else Run(asked(option))
    except ConformanceError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[RUN] = run
    config.pluginmanager.register(Conformance(run), "llmapi-conformance-run")
    config.pluginmanager.register(scenario_fixtures(run), "llmapi-conformance-scenarios")


class Conformance:
    """Hooks of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Checks of official clients are for what those sent, and other scenarios sent nothing then."""
        if collection_path.parent.name != "suites" or not collection_path.is_dir() or self.run.request.clients:
            return None
        return (collection_path.name == "clients") is not self.run.of_clients or None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let ``-k`` find clause ids, name them in JUnit, and put what looks at every exchange last."""
        for item in items:
            item.extra_keyword_matches.update(clauses_of(item))
            item.user_properties.append(("clauses", " ".join(clauses_of(item))))
        items.sort(key=lambda item: "every_exchange" in getattr(item, "fixturenames", ()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Collection and deselection are done: start sending what the selected checks need."""
        if session.config.option.collectonly or session.testsfailed:
            return None
        from llmapi_conformance.scenario_fixtures import instances_of

        checks = [item for item in session.items if isinstance(item, pytest.Function)]
        wanted = [instance for check in checks for instance in instances_of(check)]
        if session.config.option.plan:
            self.run.plan_for(wanted)
            return True
        try:
            self.run.begin(wanted)
        except ConformanceError as error:
            self.run.problems.append(str(error))
            pytest.exit(str(error), returncode=2)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Open a check for each item."""
        with self.run.open_check(check_name(item), clauses_of(item)):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Generator[None, object, object]:
        """Turn what a check saw into pytest's outcome."""
        try:
            result = yield
        except Exception as error:
            self.run.check_crashed(error)
            raise
        outcome, text = self.run.outcome_of_check()
        if outcome == "failed":
            raise Nonconformance(text)
        if outcome == "skipped":
            pytest.skip(text)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show findings without a traceback."""
        report = yield
        if call.excinfo is not None and call.excinfo.errisinstance(Nonconformance):
            report.longrepr = str(call.excinfo.value)
        elif call.excinfo is not None and report.failed:
            self.run.check_crashed(call.excinfo.value)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge, report, and set the exit status."""
        if session.config.option.collectonly or session.config.option.plan:
            self.run.close()
            return
        session.exitstatus = self.run.finish(pytest_status=int(exitstatus))

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind, whatever happened."""
        self.run.close()


def clauses_of(item: pytest.Item) -> tuple[str, ...]:
    """The clauses that a check names."""
    return tuple(dict.fromkeys(clause for mark in item.iter_markers("clause") for clause in mark.args))


def check_name(item: pytest.Item) -> str:
    """What a check is called in verdicts: its pytest node id below ``suites/``."""
    parts = Path(item.nodeid.partition("::")[0]).parts
    below = parts[parts.index("suites") + 1 :] if "suites" in parts else parts
    return "/".join(below) + "::" + item.nodeid.partition("::")[2]
