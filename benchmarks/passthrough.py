"""CPU that the pass-through of ``record`` spends on an exchange, beside plain httpx2 as the client.

    python -m benchmarks.passthrough [exchanges]

A gateway in a process of its own answers each request with a stream of 50 events. The same client sends the same
requests to it, first straight, then through a pass-through in this process's child; printed are CPU milliseconds per
exchange of the client and of the pass-through, and the latency that it adds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from tests.record.passing import passing

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

EVENTS = 50
BODY = {"model": "gpt-5.1", "stream": True, "messages": [{"role": "user", "content": "word " * 400}]}
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"word "}}]}\n\n'


def cpu() -> float:
    """Seconds that this process has spent."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests on a connection, each with one stream."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(EVENTS):
                writer.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def gateway(told: Connection) -> None:
    """Serve until the other end says so."""

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        told.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.to_thread(told.recv)

    asyncio.run(main())


def passthrough(told: Connection, url: str) -> None:
    """Pass on until the other end says so; then tell the CPU that it took."""

    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with passing(url, Path(folder)) as here:
                told.send(here.url)
                await asyncio.to_thread(told.recv)
                before = cpu()
                told.send(None)
                await asyncio.to_thread(told.recv)
                told.send(cpu() - before)

    asyncio.run(main())


def ask(url: str, count: int) -> tuple[float, float]:
    """CPU seconds of the client, and the median of its latencies."""
    times = []
    with httpx2.Client(base_url=url, headers={"Authorization": "Bearer sk-benchmark-0123456789"}) as client:
        before = cpu()
        for _ in range(count):
            began = time.perf_counter()
            answered = client.post("/v1/chat/completions", json=BODY)
            if answered.content.count(b"data:") != EVENTS:
                raise SystemExit(f"an answer is not whole: {answered.status_code}")
            times.append(time.perf_counter() - began)
        return cpu() - before, statistics.median(times)


def main(count: int) -> None:
    """Print the figures."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=gateway, args=(there,), daemon=True)
    server.start()
    url = here.recv()
    mine, theirs = context.Pipe()
    relay = context.Process(target=passthrough, args=(theirs, url), daemon=True)
    relay.start()
    passed = mine.recv()
    ask(url, 20)
    ask(passed, 20)
    plain, straight = ask(url, count)
    mine.send("begin")
    mine.recv()
    _, through = ask(passed, count)
    mine.send("end")
    spent = mine.recv()
    print(f"client: {1000 * plain / count:.2f} ms CPU per exchange of {EVENTS} events")
    print(f"pass-through, recording included: {1000 * spent / count:.2f} ms, {spent / plain:.1f} times the client")
    print(f"latency: {1000 * straight:.1f} ms straight, {1000 * through:.1f} ms through it")
    here.send("end")
    for process in (server, relay):
        process.join(5)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
