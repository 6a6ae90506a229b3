"""
For each check of the conformance suite, a way to break the promise that it guards.

``APPLICATION`` spoils the application, ``WIRE`` what stands before it, and ``PROCESS`` names
the faults that ``sabotaged_process`` can have.
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Final

import orjson
from sabotage import (
    Handle,
    Proxy,
    Reply,
    Spoil,
    answers,
    documents,
    error,
    sent,
    without,
)
from starlette.types import Scope

_PLAIN: Final = (b"content-type", b"text/plain")


def _at(path: str, *, change: Mapping[str, object]) -> Spoil:
    """
    Other values in the JSON at ``path``.
    """
    return answers(
        lambda scope, reply: (
            reply.with_json({**reply.json, **change}) if scope["path"] == path else reply
        )
    )


def _where(status: int, method: str, becomes: Reply) -> Spoil:
    return answers(
        lambda scope, reply: (
            becomes if (reply.status, scope["method"]) == (status, method) else reply
        )
    )


def _probe_with_token(scope: Scope, reply: Reply) -> Reply:
    is_asked = scope["path"] == "/redoc" and sent(scope, b"authorization") is not None
    return error(401, "AUTH_ERROR") if is_asked else reply


def _short_ids(_scope: Scope, reply: Reply) -> Reply:
    ids = next(value for name, value in reply.headers if name == b"x-correlation-id")
    return reply.with_header(b"x-correlation-id", ids[:64])


def _one_id_for_all(scope: Scope, reply: Reply) -> Reply:
    is_told = sent(scope, b"x-correlation-id") is not None
    return reply if is_told else reply.with_header(b"x-correlation-id", b"the-one")


def _whatever_id(scope: Scope, reply: Reply) -> Reply:
    told = sent(scope, b"x-correlation-id")
    return reply.with_header(b"x-correlation-id", told) if told and b" " in told else reply


def _nameless_error(_scope: Scope, reply: Reply) -> Reply:
    if reply.status < 400 or b"request_id" not in reply.body:
        return reply
    return reply.with_json({**reply.json, "request_id": None})


def _credulous(scope: Scope, reply: Reply) -> Reply:
    parts = (sent(scope, b"traceparent") or b"").split(b"-")
    return reply.with_header(b"x-trace-id", parts[1]) if len(parts) > 1 else reply


def _vague(scope: Scope, reply: Reply) -> Reply:
    if (reply.status, scope["method"]) != (422, "POST"):
        return reply
    return error(422, "INVALID_REQUEST")


def _too_large_is_400(header: bytes) -> Spoil:
    return answers(
        lambda scope, reply: (
            error(400, "INVALID_REQUEST")
            if reply.status == 413 and sent(scope, header) is not None
            else reply
        )
    )


def _stumbling(scope: Scope, reply: Reply) -> Reply:
    return error(500, "INTERNAL") if b"%00" in scope["query_string"] else reply


def _talkative(scope: Scope, reply: Reply) -> Reply:
    if (reply.status, scope["method"]) != (422, "GET"):
        return reply
    return error(422, "INVALID_REQUEST", 'File "/srv/notes/storage.py", line 7, in read')


def _no_5xx(document: Any) -> None:  # noqa: ANN401 - a whole OpenAPI document
    responses = document["paths"]["/notes"]["get"]["responses"]
    for status in [status for status in responses if status.startswith("5")]:
        del responses[status]


def _other_error_schema(document: Any) -> None:  # noqa: ANN401 - a whole OpenAPI document
    response = document["paths"]["/notes"]["get"]["responses"]["422"]
    response["content"]["application/json"]["schema"] = {"type": "object"}


def _page_as_text(scope: Scope, reply: Reply) -> Reply:
    return reply.with_header(*_PLAIN) if scope["path"] == "/redoc" else reply


def _open_door(scope: Scope, reply: Reply) -> Reply:
    is_stranger = scope["path"] == "/drafts" and sent(scope, b"authorization") is None
    json = (b"content-type", b"application/json")
    return Reply(200, [json], b"[]") if is_stranger and reply.status == 401 else reply


def _shut_door(scope: Scope, reply: Reply) -> Reply:
    is_guest = scope["path"] == "/drafts" and reply.status == 200
    return error(401, "AUTH_ERROR") if is_guest else reply


def _says(algorithm: str) -> Spoil:
    """
    Overlook tokens that say they were made by ``algorithm``.
    """

    def is_it(value: bytes) -> bool:
        part = value.removeprefix(b"Bearer ").split(b".")[0]
        try:
            header = orjson.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        except ValueError:
            return False
        return bool(header["alg"] == algorithm)

    return without(b"authorization", when=is_it)


def _hasty(scope: Scope, reply: Reply) -> Reply:
    is_short = sent(scope, b"x-request-deadline-ms") in {b"1", b"3", b"10"}
    return error(500, "INTERNAL") if is_short else reply


def _metrics_as_json(scope: Scope, reply: Reply) -> Reply:
    json = (b"content-type", b"application/json")
    return reply.with_header(*json) if scope["path"] == "/metrics" else reply


def _uncounted(scope: Scope, reply: Reply) -> Reply:
    if scope["path"] != "/metrics":
        return reply
    lines = [line for line in reply.body.split(b"\n") if b'route="/health/live"' not in line]
    return Reply(reply.status, reply.headers, b"\n".join(lines))


def _labelled_by_path() -> Spoil:
    seen: list[bytes] = []

    def change(scope: Scope, reply: Reply) -> Reply:
        seen.append(scope["raw_path"])
        if scope["path"] != "/metrics":
            return reply
        lines = b"".join(b'paths_total{path="%s"} 1\n' % path for path in set(seen))
        return Reply(reply.status, reply.headers, reply.body + lines)

    return answers(change)


APPLICATION: Final[Mapping[str, Spoil]] = {
    "health-tells-the-state": _at("/health", change={"metrics": {}}),
    "status-follows-from-dependencies": _at(
        "/health", change={"dependencies": {"paper": "unhealthy"}}
    ),
    "live-answers": _at("/health/live", change={"status": "ok"}),
    "ready-answers": _at("/health/ready", change={"status": "fine"}),
    "probes-are-open-to-everybody": answers(_probe_with_token),
    "correlation-id-is-echoed": answers(_short_ids),
    "correlation-id-is-made": answers(_one_id_for_all),
    "malformed-correlation-id-is-replaced": answers(_whatever_id),
    "errors-quote-the-correlation-id": answers(_nameless_error),
    "traceparent-is-continued": without(b"traceparent"),
    "invalid-traceparent-restarts-the-trace": answers(_credulous),
    "unknown-address-is-404": _where(404, "POST", Reply(404, [_PLAIN], b"Not Found")),
    "wrong-method-is-405": answers(
        lambda _, reply: reply.with_header(b"allow", b"GET") if reply.status == 405 else reply
    ),
    "problem-json-is-given-where-asked": without(b"accept"),
    "malformed-json-is-400": _where(400, "POST", error(422, "INVALID_REQUEST")),
    "wrong-values-are-422": answers(_vague),
    "body-told-too-large-is-413": _too_large_is_400(b"content-length"),
    "body-grown-too-large-is-413": _too_large_is_400(b"transfer-encoding"),
    "no-input-crashes-it": answers(_stumbling),
    "errors-tell-no-secrets": answers(_talkative),
    "openapi-is-valid": documents(lambda document: document["info"].pop("version")),
    "operations-have-summaries": documents(
        lambda document: document["paths"]["/notes"]["get"].pop("summary")
    ),
    "good-answers-have-examples": documents(
        lambda document: document["components"]["schemas"]["Note"]["properties"]["title"].pop(
            "examples"
        )
    ),
    "bad-answers-have-examples": documents(_no_5xx),
    "bad-answers-have-the-error-schema": documents(_other_error_schema),
    "documentation-pages-answer": answers(_page_as_text),
    "closed-operations-refuse-strangers": answers(_open_door),
    "a-good-token-is-accepted": answers(_shut_door),
    "garbage-tokens-are-refused": without(b"authorization", when=b"Bearer garbage".__eq__),
    "unsigned-tokens-are-refused": _says("none"),
    "forged-tokens-are-refused": _says("EdDSA"),
    "other-schemes-are-refused": without(
        b"authorization", when=lambda value: not value.startswith(b"Bearer")
    ),
    "no-time-left-is-504": without(b"x-request-deadline-ms", when=b"0".__eq__),
    "garbage-deadline-is-400": without(
        b"x-request-deadline-ms", when=lambda value: not value.isdigit()
    ),
    "little-time-ends-promptly": answers(_hasty),
    "metrics-are-prometheus-text": answers(_metrics_as_json),
    "requests-are-measured": answers(_uncounted),
    "labels-are-bounded": _labelled_by_path(),
}


async def _friendly_to_noise(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    first = await reader.read(65536)
    if first.startswith(b"\x16\x03"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
    else:
        await proxy.pass_on(first, reader, writer)


async def _smuggling(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    first = await reader.read(65536)
    if b"Content-Length: 4\r\nContent-Length: 5" in first:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
    else:
        await proxy.pass_on(first, reader, writer)


async def _patient(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    first = await reader.read(65536)
    if b"X-Endless" in first:
        await reader.read()
    else:
        await proxy.pass_on(first, reader, writer)


async def _offended(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    first = await reader.read(65536)
    if first == b"GET /health/li":
        proxy.is_over = True
    else:
        await proxy.pass_on(first, reader, writer)


async def _one_at_a_time(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async with proxy.turn:
        await proxy.pass_on(await reader.read(65536), reader, writer)


WIRE: Final[Mapping[str, Handle]] = {
    "bad-http-does-no-harm": _friendly_to_noise,
    "ambiguous-lengths-are-refused": _smuggling,
    "endless-headers-are-cut-off": _patient,
    "abandoned-requests-do-no-harm": _offended,
    "slow-clients-do-no-harm": _one_at_a_time,
}

#: Checks that fail along with another: a service that is gone keeps no promise at all.
ALONG: Final[Mapping[str, frozenset[str]]] = {
    "abandoned-requests-do-no-harm": frozenset({"slow-clients-do-no-harm"}),
}

PROCESS: Final = frozenset(
    {
        "ready-ends-with-the-signal",
        "newcomers-are-served-during-the-delay",
        "requests-in-progress-are-completed",
        "process-ends-in-time",
        "process-ends-with-zero",
    }
)
