"""Asking one endpoint whether it is well: by a TCP connection, or by HTTP as far as the status of the answer.

What answers may be broken or hostile. Of its answer a few lines are read, and nothing is kept; all takes no longer than
the check's timeout.
"""

import asyncio
import errno
import os
import re
import socket
import ssl
from contextlib import suppress

from netctl.compiler.balancing.probes import HttpRequest, Probe
from netctl.errors import BackendError
from netctl.system.namespaces import inside

_LONGEST_LINE = 8192
_MOST_LINES = 64
"""Before the answer proper, which other answers (1xx) may precede."""
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})(?:\s|\Z)")
_WARNING = 429
_OWN_TROUBLE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EPERM, errno.EACCES})


async def ask(probe: Probe, netns: str) -> str | None:
    """Why the endpoint is not well; empty where it is; None where this host is to blame that nothing is known."""
    try:
        async with asyncio.timeout(probe.timeout):
            return await _asked(probe, netns)
    except TimeoutError:
        return f"{probe.name}: no answer within {probe.timeout:g} s"
    except ssl.SSLError as error:
        return f"{probe.name}: no TLS: {error.reason or 'refused'}"
    except BackendError:
        return None
    except OSError as error:
        return None if error.errno in _OWN_TROUBLE else f"{probe.name}: {_said(error)}"
    except ValueError as error:  # a name that cannot be one
        return f"{probe.name}: {error}"


async def _asked(probe: Probe, netns: str) -> str:
    connection = await _connected(probe, netns)
    if probe.request is None:
        connection.close()
        return ""
    status = await _status(connection, probe, probe.request)
    if status is None:
        return f"{probe.name}: the answer is not HTTP"
    return "" if 200 <= status < 300 or status == _WARNING else f"{probe.name}: status {status}"


async def _connected(probe: Probe, netns: str) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(probe.host, probe.port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    with inside(netns):
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        await loop.sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


async def _status(connection: socket.socket, probe: Probe, request: HttpRequest) -> int | None:
    """The status of the answer; None where it is none of HTTP."""
    context = _context(request) if request.tls else None
    name = request.server_name or probe.host if context else None
    try:
        reader, writer = await asyncio.open_connection(
            sock=connection, ssl=context, server_hostname=name, limit=_LONGEST_LINE
        )
    except BaseException:
        connection.close()
        raise
    try:
        writer.write(_written(request))
        for _ in range(_MOST_LINES):
            line = await reader.readline()
            found = _STATUS.match(line)
            if found and not found[1].startswith(b"1"):
                return int(found[1])
            if not line.endswith(b"\n"):
                return None
    except ValueError:  # a line without an end
        return None
    finally:
        writer.transport.abort()  # whatever else it would say
    return None


def _written(request: HttpRequest) -> bytes:
    own = {"host": request.authority, "user-agent": "netctl", "accept": "*/*", "connection": "close"}
    body = request.body.encode()
    if body:
        own["content-length"] = str(len(body))
    given = {name.lower() for name, _ in request.headers}
    headers = [*((name, value) for name, value in own.items() if name not in given), *request.headers]
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    # Whatever was declared, a line stays a line.
    plain = [re.sub(r"[\r\n\0]", " ", line) for line in lines]
    return "\r\n".join([*plain, "", ""]).encode() + body


def _context(request: HttpRequest) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not request.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _said(error: OSError) -> str:
    with suppress(ValueError, OverflowError):
        if error.errno is not None and error.errno > 0:
            return os.strerror(error.errno).lower()
    return (error.strerror or type(error).__name__).lower()
