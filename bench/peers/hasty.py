"""
``python -m bench.peers.hasty serve``: orders by the same three calls, and nothing kept of them.

It is our gateway's edge, our clients and our form of an answer without an order's row, without a journal
and without an undo: what durability costs is what it is faster by.
"""

import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from gateway.settings import Settings
from gateway.upstreams.models import Item
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
from servicekit.app import create_service
from servicekit.auth import requires
from servicekit.clients import Clients
from servicekit.commands import Service, main
from servicekit.telemetry import Telemetry


class ItemModel(BaseModel):
    """
    So many pieces of a product.
    """

    productId: str  # noqa: N815  # as it is told
    quantity: int


class OrderModel(BaseModel):
    """
    What is ordered.
    """

    items: list[ItemModel]
    discountCodes: list[str] = []  # noqa: N815  # as it is told


@dataclass(frozen=True, slots=True)
class Backends:
    """
    Who is asked.
    """

    stock: Stock
    quotes: Quotes


def create_app(settings: Settings) -> FastAPI:
    """
    The application.
    """
    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry)
    identity = clients.to("identity", settings.identity_service_url)
    own = clients.own_token(identity, settings)
    inventory = clients.to("inventory", settings.inventory_service_url, authorize=own)
    pricing = clients.to("pricing", settings.pricing_service_url, authorize=own)
    return create_service(
        settings,
        title="Hasty",
        description="Orders that may be lost.",
        verifier=clients.token_verifier(identity),
        routers=[_router(Backends(Stock(inventory), Quotes(pricing)))],
        resources=[clients.running],
        telemetry=telemetry,
    )


def _router(backends: Backends) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.post("/orders", status_code=201, dependencies=[requires("write")])
    async def place(order: OrderModel) -> dict[str, Any]:
        order_id = secrets.token_hex(16)
        items = [Item(item.productId, item.quantity) for item in order.items]
        held = await backends.stock.reserve(order_id, items)
        quote = await backends.quotes.quote(order_id, items, order.discountCodes)
        await backends.stock.commit(order_id)
        return {
            "orderId": order_id,
            "status": "CONFIRMED",
            "items": [
                {
                    "productId": line.product_id,
                    "quantity": line.quantity,
                    "reservationId": held[line.product_id].reservation_id,
                    "unitPrice": line.base_price,
                    "lineTotal": line.final_price,
                }
                for line in quote.lines
            ],
            "discounts": [],
            "subtotal": quote.subtotal,
            "totalPrice": quote.final_price,
            "currency": quote.currency,
            "createdAt": datetime.now(UTC).isoformat(),
        }

    return router


SERVICE = Service(package="hasty", settings_class=Settings, create_app=create_app)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
