"""
The model service as a process that ends badly: ``SABOTAGE=<check> python sabotaged_process.py serve``.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from model_service import SERVICE, create_app
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.commands import Service, main
from servicekit.serving.lifecycle import Lifecycle
from servicekit.settings import ServiceSettings

FAULT = os.environ["SABOTAGE"]


class AlwaysReady(Lifecycle):
    """
    Says to the last that it is serving.
    """

    def drain(self) -> None:
        """
        Overhear it.
        """


class Closing:
    """
    Turns requests away, or lets them fall, once the end has been asked for.
    """

    def __init__(self, app: ASGIApp, *, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        is_late = self._lifecycle.phase == "draining"
        if FAULT == "newcomers-are-served-during-the-delay" and is_late:
            scope = {**scope, "path": "/health/ready"}

        async def send_or_not(message: Message) -> None:
            is_over = self._lifecycle.phase == "draining" and scope["method"] == "POST"
            if FAULT != "requests-in-progress-are-completed" or not is_over:
                await send(message)

        await self._app(scope, receive, send_or_not)


def clinging(app: FastAPI) -> None:
    """
    Make the application's lifespan one that does not end.
    """
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def endless(application: FastAPI) -> AsyncIterator[None]:
        async with lifespan(application):
            yield
            await asyncio.Event().wait()

    app.router.lifespan_context = endless


def spoilt(settings: ServiceSettings) -> FastAPI:
    """
    The model with its fault.
    """
    app = create_app(settings)
    if FAULT == "ready-ends-with-the-signal":
        # The server speaks to another than the probes.
        app.state.lifecycle = AlwaysReady()
    if FAULT == "process-ends-in-time":
        clinging(app)
    app.add_middleware(Closing, lifecycle=app.state.lifecycle)
    return app


if __name__ == "__main__":
    code = main(Service(SERVICE.package, SERVICE.settings_class, spoilt))
    sys.exit(3 if FAULT == "process-ends-with-zero" else code)
