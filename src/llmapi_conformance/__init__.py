"""Contract tests and conformance suite for LLM gateways."""

__version__ = "0.2.0"
