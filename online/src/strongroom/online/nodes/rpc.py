"""JSON-RPC over HTTP: bounded in time and size, retried only where a second call cannot do a second thing.

    NodeRefusedError   the node answered and said no; its own code and words are attributes
    UnavailableError   no answer, a proxy's answer, a node that is still starting, credentials refused
    MalformedError     an answer that is not JSON-RPC

Numbers with a fraction are read as `Decimal`: an amount that passed through a float could be off by a satoshi.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Final, TypeVar

import httpx

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, UnavailableError, malformed
from strongroom.core.nesting import is_nested_deeper

T = TypeVar("T")
Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
"""A node's answer as it was parsed; it goes no further than `replies.py`."""

MAX_REPLY_BYTES: Final = 256 * 1024 * 1024
"""A node's largest honest answer is a block with receipts; anything larger would only fill our memory."""
MAX_REPLY_LEVELS: Final = 64
ATTEMPTS: Final = 3
BATCH: Final = 200
"""Questions in one request: few enough that a node answers within the timeout."""
_PAUSE_S: Final = 0.25
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_BUSY_STATUS: Final = frozenset({429, 502, 503, 504})
_WARMING_UP: Final = -28
"""Bitcoin Core's RPC_IN_WARMUP: the node is there but has not loaded its chain yet."""


class NodeRefusedError(RefusedError):
    """The node answered with an error. rpc_code, rpc_message: its own, as sent."""

    def __init__(self, *, node: str, method: str, rpc_code: int, rpc_message: str) -> None:
        self.rpc_code = rpc_code
        self.rpc_message = rpc_message
        said = f"{rpc_message} ({rpc_code})"
        super().__init__(Refusal(code=Code.NODE_REFUSED, field=f"{node} {method}", expected="a result", got=said))


class JsonRpc:
    """One node's endpoint. name: what statements and alerts call it; by default its address without credentials."""

    __slots__ = ("_client", "_pause", "_url", "name")

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        credentials: tuple[str, str] | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        # The environment's proxies are not trusted: whoever sets one would see and change what our nodes say.
        self._client = httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False, auth=credentials)
        self._url = url
        self._pause = pause
        parsed = httpx.URL(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        self.name = name or f"{parsed.host}:{port}{parsed.path.rstrip('/')}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, params: Sequence[object]) -> Json:
        """Ask something that changes nothing, or nothing a second time; tried up to `ATTEMPTS` times.

        params: values that JSON can hold. Raises NODE_UNAVAILABLE, NODE_REFUSED or FIELD_INVALID.
        """
        return self._retried(lambda: self.call_once(method, params))

    def call_batch(self, method: str, many: Sequence[Sequence[object]]) -> list[Json]:
        """Ask the same of many things at once; the results in the order of the questions.

        Raises what `call` raises, for the first question that was refused.
        """
        results: list[Json] = []
        for start in range(0, len(many), BATCH):
            part = many[start : start + BATCH]
            results += self._retried(partial(self._call_part, method, part))
        return results

    def _retried(self, ask: Callable[[], T]) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return ask()
            except UnavailableError:
                self._pause(_PAUSE_S * attempt)
        return ask()

    def call_once(self, method: str, params: Sequence[object]) -> Json:
        """Ask exactly once. Raises NODE_UNAVAILABLE, NODE_REFUSED or FIELD_INVALID."""
        status, raw = self._post(method, _request(1, method, params))
        return self._result(method, status, self._parse(method, status, raw), 1)

    def _call_part(self, method: str, part: Sequence[Sequence[object]]) -> list[Json]:
        numbered = list(enumerate(part, 1))
        status, raw = self._post(method, [_request(number, method, params) for number, params in numbered])
        replies = self._parse(method, status, raw)
        if not isinstance(replies, list) or len(replies) != len(part):
            raise malformed(Code.FIELD_INVALID, f"{self.name} {method}", f"{len(part)} answers", "another number")
        # A node may answer in any order (JSON-RPC 2.0, section 6).
        by_id = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)}
        return [self._result(method, status, by_id.get(number), number) for number, _ in numbered]

    def _result(self, method: str, status: int, reply: Json, number: int) -> Json:
        if not isinstance(reply, dict) or reply.get("id") != number:
            field = f"{self.name} {method}"
            raise malformed(Code.FIELD_INVALID, field, "an answer to our request", f"HTTP status {status}")
        error = reply.get("error")
        if error is not None:
            raise self._refusal(method, error)
        if "result" not in reply:
            raise malformed(Code.FIELD_INVALID, f"{self.name} {method}", "a result or an error", "neither")
        return reply["result"]

    def _post(self, method: str, request: object) -> tuple[int, bytes]:
        status, raw = self._exchange(method, request)
        if status in {401, 403}:
            raise self._unavailable(method, "our credentials accepted", f"HTTP status {status}")
        if status in _BUSY_STATUS:
            raise self._unavailable(method, "an answer", f"HTTP status {status}")
        return status, raw

    def _exchange(self, method: str, request: object) -> tuple[int, bytes]:
        try:
            with self._client.stream("POST", self._url, json=request) as response:
                chunks: list[bytes] = []
                size = 0
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > MAX_REPLY_BYTES:
                        raise malformed(
                            Code.TOO_LARGE, f"{self.name} {method}", f"at most {MAX_REPLY_BYTES} bytes", "more"
                        )
                    chunks.append(chunk)
                return response.status_code, b"".join(chunks)
        except httpx.HTTPError as error:
            raise self._unavailable(method, "an answer", type(error).__name__) from error

    def _parse(self, method: str, status: int, raw: bytes) -> Json:
        field = f"{self.name} {method}"
        if is_nested_deeper(raw, MAX_REPLY_LEVELS):
            raise malformed(Code.FIELD_INVALID, field, f"at most {MAX_REPLY_LEVELS} levels", "more")
        try:
            reply: Json = json.loads(raw, parse_float=Decimal, parse_constant=_refuse_constant)
        except ValueError as error:
            if status != httpx.codes.OK:
                raise self._unavailable(method, "an answer of the node", f"HTTP status {status}") from error
            raise malformed(Code.FIELD_INVALID, field, "JSON", f"{len(raw)} bytes") from error
        return reply

    def _refusal(self, method: str, error: Json) -> UnavailableError | NodeRefusedError:
        code = error.get("code") if isinstance(error, dict) else None
        message = error.get("message") if isinstance(error, dict) else None
        if not isinstance(code, int) or not isinstance(message, str):
            raise malformed(Code.FIELD_INVALID, f"{self.name} {method} error", "a code and a message", "another shape")
        if code == _WARMING_UP:
            return self._unavailable(method, "a node that has started", message)
        return NodeRefusedError(node=self.name, method=method, rpc_code=code, rpc_message=message)

    def _unavailable(self, method: str, expected: str, got: str) -> UnavailableError:
        refusal = Refusal(code=Code.NODE_UNAVAILABLE, field=f"{self.name} {method}", expected=expected, got=got)
        return UnavailableError(refusal)


def _request(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _refuse_constant(text: str) -> Json:
    # NaN and Infinity are no JSON, and no node's honest answer.
    raise ValueError(text)
