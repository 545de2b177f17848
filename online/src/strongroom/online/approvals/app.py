"""The desk over HTTP: two endpoints, bytes in and bytes out, and a code with a sentence for everything else.

No documentation, no schema, no redirects, no cookies. FastAPI's own parsing of bodies and parameters is not used: its
models would take what this house calls a second spelling.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.device_requests import MAX_STATEMENTS_BYTES, PACKAGES_TARGET, STATEMENTS_TARGET
from strongroom.core.errors import (
    InvariantError,
    MalformedError,
    Refusal,
    StrongroomError,
    UnavailableError,
    malformed,
)
from strongroom.online.approvals.desk import Asked, Desk

BODY_TIMEOUT_S = 10.0
"""A body that takes longer is not from a device in the same building."""
log = logging.getLogger("strongroom.approvals")
_UNPROVED = frozenset(
    {Code.RETIRED_CREDENTIAL_USED, Code.SIGNATURE_INVALID, Code.SIGNATURE_HIGH_S, Code.SIGNER_UNKNOWN}
)


def build_app(desk: Desk) -> FastAPI:
    """The application."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.get(PACKAGES_TARGET + "{after}", response_model=None)
    async def packages(request: Request, after: str) -> Response:
        return await _answer(request, 0, lambda asked: desk.hand_out(asked, after))

    @app.post(STATEMENTS_TARGET, response_model=None)
    async def statements(request: Request) -> Response:
        return await _answer(request, MAX_STATEMENTS_BYTES, desk.take_in)

    @app.exception_handler(404)
    async def nowhere(request: Request, _error: Exception) -> Response:
        return _say_no(_unknown(request), 404)

    @app.exception_handler(405)
    async def not_so(request: Request, _error: Exception) -> Response:
        return _say_no(_unknown(request), 405)

    return app


def _unknown(request: Request) -> StrongroomError:
    got = f"{request.method} {request.url.path}"[:200]
    expected = f"GET {PACKAGES_TARGET}N or POST {STATEMENTS_TARGET}"
    return malformed(Code.ENDPOINT_UNKNOWN, "request.target", expected, got)


async def _answer(request: Request, limit: int, work: Callable[[Asked], bytes]) -> Response:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _read_body(request, limit)
        asked = Asked(method=request.method, target=read_target(request), headers=_read_headers(request), body=body)
        content = await run_in_threadpool(work, asked)
    except TimeoutError:
        expected = f"a body within {BODY_TIMEOUT_S} s"
        late = Refusal(code=Code.PLATFORM_UNAVAILABLE, field="request.body", expected=expected, got="later")
        return _say_no(UnavailableError(late), 408)
    except StrongroomError as error:
        return _say_no(error, status_of(error))
    return Response(content, media_type="application/json", headers={"cache-control": "no-store"})


async def _read_body(request: Request, limit: int) -> bytes:
    """The whole body, given up at the first byte too many; a line that is cut before the end leaves nothing."""
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise malformed(Code.FIELD_MISSING, "request.body", "a body with its end", "a line that was cut")
        body += message.get("body", b"")
        more = bool(message.get("more_body", False))
        if len(body) > limit:
            raise malformed(Code.TOO_LARGE, "request.body", f"at most {limit} bytes", "more")
    return bytes(body)


def _read_headers(request: Request) -> dict[str, str]:
    """Each of our headers once; a second one could be the one that another reader believes."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if name.startswith("strongroom-"):
            if name in found:
                raise malformed(Code.FIELD_INVALID, f"request.headers.{name}", "one", "two")
            found[name] = value
    return found


def read_target(request: Request) -> str:
    """Path and query exactly as they came, escapes and all; a query is part of what the device must have signed."""
    raw = request.scope.get("raw_path")
    query = request.scope.get("query_string", b"")
    path = raw if isinstance(raw, bytes) else request.scope["path"].encode()
    return (path + b"?" + query if query else path).decode("ascii", errors="backslashreplace")


def status_of(error: StrongroomError) -> int:
    """HTTP's number for who must act; the code says the rest."""
    if Code.TOO_LARGE in error.codes:
        return 413
    if Code.REQUEST_RATE in error.codes:
        return 429
    if isinstance(error, UnavailableError):
        return 503
    if isinstance(error, InvariantError):
        return 500
    if isinstance(error, MalformedError):
        return 400
    return 401 if error.codes & _UNPROVED else 403


def _plain(text: str) -> str:
    """What a stranger wrote, without what canonical JSON and a screen cannot show."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def _say_no(error: StrongroomError, status: int) -> Response:
    for refusal in error.refusals:
        log.warning("%s %s", refusal.code.value, refusal.sentence)
    told: tuple[Refusal, ...] = error.refusals
    if isinstance(error, InvariantError | UnavailableError) and Code.REQUEST_RATE not in error.codes:
        # What is wrong inside is for our own log; the device needs to know that it may ask again.
        told = (Refusal(code=Code.PLATFORM_UNAVAILABLE, field="platform", expected="an answer", got="none now"),)
    rows = [{**refusal.as_json(), "sentence": refusal.sentence} for refusal in told]
    content = encode_canonical({"refusals": [{name: _plain(text) for name, text in row.items()} for row in rows]})
    headers = {"cache-control": "no-store", "connection": "close"}
    return Response(content, status_code=status, media_type="application/json", headers=headers)
