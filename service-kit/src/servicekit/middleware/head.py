"""
Answers HEAD wherever GET is answered, as HTTP asks (RFC 9110, section 9.3.2).

FastAPI's routes serve the methods they name and no others, so a monitor that
asks ``HEAD /health`` would be told 405.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """
    Serves HEAD as GET, and keeps the body back.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """
        Serve one request.
        """
        if scope["type"] == "http" and scope["method"] == "HEAD":
            return self._serve_as_get(scope, receive, send)
        # Handed on and not awaited here: a coroutine less for each request.
        return self._app(scope, receive, send)

    async def _serve_as_get(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server looks at its own scope to know that no body will come.
        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send_without_body)
        finally:
            # The request log, further out, asks which route it was.
            scope.update(as_get, method="HEAD")
