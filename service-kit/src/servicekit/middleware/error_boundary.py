"""
The outermost handler: what nobody inside has rendered is rendered here, and crashes are logged.
"""

import asyncio
from collections.abc import Awaitable

import structlog
from starlette.requests import Request
from starlette.types import Message, Scope, Send

from servicekit.error_rendering import as_storefront_error, render, tell_operators
from servicekit.errors import ServiceUnavailable, StorefrontError
from servicekit.middleware.answer import Answer
from servicekit.middleware.lifetime import SAFE_METHODS, ClientGone
from servicekit.serving.lifecycle import Lifecycle

log = structlog.get_logger()


def _stopped(scope: Scope) -> StorefrontError:
    error = ServiceUnavailable("this service")
    if scope["method"] not in SAFE_METHODS:
        error.details["outcome"] = "unknown"
    return error


class ErrorBoundary:
    """
    Nothing leaves the service but an answer in our shape, or a closed connection.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    async def around(self, work: Awaitable[None], scope: Scope, answer: Answer, send: Send) -> None:
        """
        Do ``work``, which serves the request, and tell its client what it may know if that fails.
        """
        try:
            await work
        except ClientGone:
            log.info("request.client_gone")
        except asyncio.CancelledError:
            if self._lifecycle.phase != "draining" or answer.is_begun:
                raise
            # The drain is over, and the server cancels what it has not finished.
            log.warning("request.cut_off")
            await render(_stopped(scope), scope)(scope, _nothing, send)
        except Exception as error:  # the outermost handler: whatever it is, it is rendered here
            ours = as_storefront_error(error, Request(scope))
            if isinstance(error, StorefrontError):
                tell_operators(ours, error)
            else:
                log.exception("request.crashed", error=type(error).__name__)
            if answer.is_begun:
                # Half an answer is out: only a broken connection tells the client so.
                raise
            await render(ours, scope)(scope, _nothing, send)


async def _nothing() -> Message:
    """
    What a rendered error is told by its client.
    """
    return {"type": "http.disconnect"}
