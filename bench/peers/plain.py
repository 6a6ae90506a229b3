"""
``python -m bench.peers.plain serve``: the gateway that one writes first, on FastAPI and httpx.

One client for each backend with httpx's own settings, both asked in parallel, the answer as a
dictionary; served by uvicorn on uvloop and httptools, without a log. No batching.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request

#: Seconds; httpx's own five do not suffice for 256 callers at once.
TIMEOUT_S = 10.0


@asynccontextmanager
async def _clients(_: FastAPI) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    inventory_url, pricing_url = (
        os.environ["INVENTORY_SERVICE_URL"],
        os.environ["PRICING_SERVICE_URL"],
    )
    async with (
        httpx.AsyncClient(base_url=inventory_url, timeout=TIMEOUT_S) as inventory,
        httpx.AsyncClient(base_url=pricing_url, timeout=TIMEOUT_S) as pricing,
    ):
        yield {"inventory": inventory, "pricing": pricing}


app = FastAPI(lifespan=_clients)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    """
    It is there.
    """
    return {"status": "ready"}


@app.get("/api/v1/products/{product_id}")
async def one(product_id: str, request: Request) -> dict[str, Any]:
    """
    A product and its price.
    """
    try:
        product, price = await asyncio.gather(
            request.state.inventory.get(f"/api/v1/products/{product_id}"),
            request.state.pricing.get(f"/api/v1/prices/{product_id}"),
        )
    except httpx.HTTPError as error:
        raise HTTPException(502, "A backend does not answer.") from error
    if product.status_code == 404:
        raise HTTPException(404, "There is no such product.")
    if product.is_error or price.is_error:
        raise HTTPException(502, "A backend failed.")
    of_price = price.json()
    return {
        **product.json(),
        "price": of_price["basePrice"],
        "currency": of_price["currency"],
        "complete": True,
        "unavailable": [],
    }


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(os.environ["SERVICE_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
