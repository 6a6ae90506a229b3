"""
The outermost handler: what nobody below has rendered is rendered here, and crashes are logged.
"""

import asyncio

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.error_rendering import as_storefront_error, render, tell_operators
from servicekit.errors import ServiceUnavailable, StorefrontError
from servicekit.lifecycle import Lifecycle
from servicekit.middleware.answer import answer_to
from servicekit.middleware.lifetime import SAFE_METHODS, ClientGone

log = structlog.get_logger()


def _stopped(scope: Scope) -> StorefrontError:
    error = ServiceUnavailable("this service")
    if scope["method"] not in SAFE_METHODS:
        error.details["outcome"] = "unknown"
    return error


class ErrorBoundaryMiddleware:
    """
    Nothing leaves the service but an answer in our shape, or a closed connection.
    """

    def __init__(self, app: ASGIApp, *, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ClientGone:
            log.info("request.client_gone")
        except asyncio.CancelledError:
            if self._lifecycle.phase != "draining" or answer_to(scope).is_begun:
                raise
            # The drain is over, and the server cancels what it has not finished.
            log.warning("request.cut_off")
            await render(_stopped(scope), scope)(scope, receive, send)
        except Exception as error:  # the outermost handler: whatever it is, it is rendered here
            ours = as_storefront_error(error, Request(scope))
            if isinstance(error, StorefrontError):
                tell_operators(ours, error)
            else:
                log.exception("request.crashed", error=type(error).__name__)
            if answer_to(scope).is_begun:
                # Half an answer is out: only a broken connection tells the client so.
                raise
            await render(ours, scope)(scope, receive, send)
