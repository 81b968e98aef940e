"""Bytes and times: the HTTP client, the raw sender and the WebSocket."""
