"""netctl's own health checks, made of real servers: well, broken, slow and hostile ones."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from netctl.agent.checking import Checking
from netctl.agent.probing import ask
from netctl.compiler.balancing.probes import HttpRequest, Probe
from netctl.compiler.compile import compile_stack
from tests.compiler.stacks import PLACES, stack_of

PATIENCE = 60
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = HttpRequest("GET", "/healthz", "web")


def probe(port: int, **more: Any) -> Probe:
    found = Probe("shop:web:127.0.0.1", "check", "127.0.0.1", port, REQUEST, 0.02, 30, 1, 1, begins_well=True)
    return found._replace(**more)


@asynccontextmanager
async def serving(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port; its conversations are over when it ends."""
    conversations: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over = conversations[writer] = asyncio.Event()
        with suppress(OSError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()
        over.set()

    async with await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
        for writer, over in conversations.items():
            writer.transport.abort()
            await over.wait()


def saying(answer: bytes) -> Answer:
    """Says that to whatever is asked."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return say


def asked(answer: Answer, **more: Any) -> str | None:
    """What the check of a server says."""

    async def run() -> str | None:
        async with serving(answer) as port:
            return await ask(probe(port, **more), "")

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 204 No Content\n\n", ""),
        (b"HTTP/1.1 429 Slow down\r\n\r\n", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "check: status 302"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "check: status 503"),
        (b"SSH-2.0-OpenSSH\r\n", "check: the answer is not HTTP"),
        (b"", "check: the answer is not HTTP"),
        (b"HTTP/1.1 2", "check: the answer is not HTTP"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "check: the answer is not HTTP"),
        (b"x" * 10_000_000, "check: the answer is not HTTP"),
        (bytes(range(256)) * 10, "check: the answer is not HTTP"),
    ],
)
def test_the_status_of_the_answer_counts_and_little_of_it_is_read(answer: bytes, complaint: str) -> None:
    assert asked(saying(answer)) == complaint


async def _silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("answer", [_silence, _dripping])
def test_who_takes_too_long_is_unwell(answer: Answer) -> None:
    assert asked(answer, timeout=0.3) == "check: no answer within 0.3 s"


def test_a_connection_is_enough_where_nothing_else_is_asked_for() -> None:
    assert asked(_silence, request=None) == ""


def test_nobody_is_there() -> None:
    with socket.socket() as held:  # nobody listens, and nobody else can
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert asyncio.run(ask(probe(port), "")) == "check: connection refused"
        assert asyncio.run(ask(probe(port, request=None), "")) == "check: connection refused"


def test_what_this_host_cannot_do_is_nobodys_fault() -> None:
    assert asyncio.run(ask(probe(80), "no-such-namespace")) is None


def test_what_is_declared_is_asked_and_no_line_becomes_two() -> None:
    got: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.readexactly(4))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    headers = (("X-Team", "a\r\nX-Evil: 1"), ("Host", "shop.example"))
    request = HttpRequest("POST", "/ok?x=1", "web:80", headers, "ping")
    assert asked(keep, request=request) == ""
    head, *lines = got[0].decode().split("\r\n")
    assert (head, got[1]) == ("POST /ok?x=1 HTTP/1.1", b"ping")
    assert "X-Team: a  X-Evil: 1" in lines
    assert [line for line in lines if line.lower().startswith("host:")] == ["Host: shop.example"]
    assert "content-length: 4" in lines


def test_a_certificate_is_believed_only_when_it_is_to_be(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("key.pem", "cert.pem")]
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=web", "-days", "2"]
    subprocess.run([*argv, "-keyout", files[0], "-out", files[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])

    async def run(verify: bool) -> str | None:
        async with serving(saying(b"HTTP/1.1 200 OK\r\n\r\n"), context) as port:
            return await ask(probe(port, request=REQUEST._replace(tls=True, verify=verify)), "")

    assert asyncio.run(run(verify=False)) == ""
    assert str(asyncio.run(run(verify=True))).startswith("check: no TLS: ")


def test_as_many_results_in_a_row_as_asked_for_change_an_endpoints_health() -> None:
    results = iter([*b"1100110111", *[ord("1")] * 1000])
    told: list[tuple[int, bool]] = []

    async def run() -> None:
        made = 0
        changed = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal made
            made += 1
            await saying(b"HTTP/1.1 200\r\n\r\n" if next(results) == ord("1") else b"HTTP/1.1 500\r\n\r\n")(
                reader, writer
            )

        def heed() -> None:
            told.append((made, bool(checking.failed)))
            changed.set()

        async with serving(answer) as port:
            checking = Checking("", heed)
            checking.attend([probe(port, failures=2, successes=3)])
            async with asyncio.timeout(PATIENCE):
                while len(told) < 2:
                    await changed.wait()
                    changed.clear()
            checking.close()
            assert not checking.failed

    asyncio.run(run())
    assert told == [(4, True), (10, False)]


def test_what_goes_on_being_checked_keeps_its_health_and_the_rest_is_forgotten() -> None:
    async def run() -> None:
        changed = asyncio.Event()
        async with serving(saying(b"HTTP/1.1 500\r\n\r\n")) as port:
            one, other = probe(port), probe(port, instance="shop:web:127.0.0.2", begins_well=False, interval=3600)
            checking = Checking("", changed.set)
            checking.attend([one, other])
            assert dict(checking.failed) == {other.instance: "check: not checked yet"}
            async with asyncio.timeout(PATIENCE):
                await changed.wait()
            assert checking.failed[one.instance] == "check: status 500"
            checking.attend([one])
            assert dict(checking.failed) == {one.instance: "check: status 500"}
            checking.close()

    asyncio.run(run())


def test_checks_are_those_of_consul_in_netctls_words() -> None:
    service = {
        "port": 8000,
        "publish": "80:8000",
        "endpoints": ["10.10.0.2", "fd10::2", {"address": "10.10.0.3", "weight": 0}],
        "checks": [
            {"http": "/healthz?full", "interval": "1m30s", "timeout": "500ms", "failures_before_critical": 3},
            {"http": "https://health.example/web", "tls_skip_verify": True, "status": "critical"},
            {"tcp": True},
            {"tcp": 9000},
            {"tcp": "127.0.0.1:22"},
            {"ttl": "1m"},
        ],
    }
    told = {**service, "publish": "81:8000", "register": True}
    networks = {"front": {"subnet": {"cidr": ["10.10.0.0/24", "fd10::/64"]}}}
    stack = {"networks": networks, "services": {"web": {**service, "register": False}, "told": told}}
    compiled = compile_stack(stack_of(stack), PLACES, None, None)
    assert compiled.balanced is not None
    found = compiled.balanced.probes
    assert {one.instance for one in found} == {"shop:web:10.10.0.2", "shop:web:fd10::2"}
    assert [(one.host, one.port) for one in found if one.instance == "shop:web:10.10.0.2"] == [
        ("10.10.0.2", 8000), ("health.example", 443), ("10.10.0.2", 8000), ("10.10.0.2", 9000), ("127.0.0.1", 22)
    ]  # fmt: skip
    first, second, *_ = [one for one in found if one.instance == "shop:web:fd10::2"]
    assert first[4:] == (HttpRequest("GET", "/healthz?full", "[fd10::2]:8000"), 90, 0.5, 1, 3, True)
    assert second[4:] == (
        HttpRequest("GET", "/web", "health.example", tls=True, verify=False), 10, 10, 1, 1, False
    )  # fmt: skip
