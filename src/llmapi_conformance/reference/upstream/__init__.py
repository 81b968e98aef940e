"""The upstream: a scripted provider that does what the last text of a request tells it."""

from llmapi_conformance.reference.upstream.log import LogEntry
from llmapi_conformance.reference.upstream.server import RunningUpstream, UpstreamSettings, running_upstream

__all__ = ["LogEntry", "RunningUpstream", "UpstreamSettings", "running_upstream"]
