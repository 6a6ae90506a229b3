"""
Answers HEAD wherever GET is answered, as HTTP asks (RFC 9110, section 9.3.2).

FastAPI's routes serve the methods they name and no others, so a monitor that
asks ``HEAD /health`` would be told 405.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def serve_head_as_get(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """
    Let ``app`` serve a HEAD request as GET, and keep the body back.
    """

    async def send_without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    # A copy: the server looks at its own scope to know that no body will come.
    as_get = {**scope, "method": "GET"}
    try:
        await app(as_get, receive, send_without_body)
    finally:
        # The request log, further out, asks which route it was.
        scope.update(as_get, method="HEAD")
