"""Bytes and times: the HTTP client and the raw sender."""
