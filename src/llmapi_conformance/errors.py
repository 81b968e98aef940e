"""Typed errors: raised once, shown to people as one sentence without a traceback."""


class ConformanceError(Exception):
    """Something the user can mend; the message says what was expected, what was there and what to do next."""


class ContractError(ConformanceError):
    """The data under ``specs/`` is unusable."""


class TargetError(ConformanceError):
    """The target file, its keyring or the target itself is unusable."""


class BudgetExceeded(ConformanceError):
    """A request would break a limit of the profile or the target, so it was not sent."""


class RecordingError(ConformanceError):
    """A recording is missing, incomplete or damaged."""


class ReportError(ConformanceError):
    """A report can't be read, made or written."""


class StatementError(ConformanceError):
    """A statement about a run can't be made, signed or read."""


class HistoryError(ConformanceError):
    """The history can't be opened, read or written, or what it tells can't be delivered."""
