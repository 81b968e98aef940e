"""Judging: pure functions from exchanges to findings, and verdicts from findings. Never sends anything."""

from llmapi_conformance.judging.check import clause, judge

__all__ = ["clause", "judge"]
