"""
``/clients``: the services that may fetch tokens in their own name. For admins.
"""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool
from pydantic.alias_generators import to_camel

from identity.clients.models import MAX_PERMISSIONS, ServiceClient
from identity.clients.service import ClientChange, ClientService, NewSecret
from identity.errors import NameTaken
from servicekit.auth import current_principal, requires
from servicekit.errors import NotFound
from servicekit.openapi import error_responses
from servicekit.schemas import RequestModel
from servicekit.text import PlainText

ClientId = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9-]+$", examples=["api-gateway"])]
Words = Annotated[list[PlainText], Field(max_length=MAX_PERMISSIONS)]
Description = Annotated[PlainText, Field(max_length=200)]


_EXAMPLE: dict[str, JsonValue] = {
    "id": "api-gateway",
    "description": "The storefront's own",
    "scopes": ["read", "write"],
    "permissions": ["prices:quote", "stock:write"],
    "disabled": False,
    "createdAt": "2026-01-01T12:00:00Z",
    "updatedAt": "2026-01-01T12:00:00Z",
    "previousSecretUntil": None,
}
_EXAMPLE_WITH_SECRET: dict[str, JsonValue] = {
    **_EXAMPLE,
    "secret": "Zl8zW8m0Xr1bq3n6Y7u2kq4T5v9cD1eF0gH2iJ3kL4M",
}


class NewClient(RequestModel):
    """
    A service that may fetch tokens in its own name.
    """

    id: Annotated[PlainText, Field(max_length=63, examples=["api-gateway"])]
    description: Description = ""
    scopes: Words = ["read", "write"]  # noqa: RUF012  # pydantic copies a default for each instance
    permissions: Annotated[Words, Field(examples=[["stock:write"]])] = []  # noqa: RUF012  # pydantic copies a default for each instance


class ClientPatch(RequestModel):
    """
    What is changed; what is left out stays.
    """

    description: Description | None = None
    scopes: Words | None = None
    permissions: Words | None = None
    disabled: StrictBool | None = None


class SecretRotation(RequestModel):
    """
    How long the secret before the new one stays good.
    """

    keep_previous_for_seconds: Annotated[int, Field(ge=0, le=604_800)] = 0


class ClientResponse(BaseModel):
    """
    A service client.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    id: str
    description: str
    scopes: list[str]
    permissions: list[str]
    disabled: bool
    created_at: datetime
    updated_at: datetime
    previous_secret_until: datetime | None


class ClientWithSecret(ClientResponse):
    """
    A service client with its secret, which is told this once.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE_WITH_SECRET]})

    secret: str


class ClientsResponse(BaseModel):
    """
    All service clients.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[ClientResponse]


def clients_router(prefix: str, clients: ClientService) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(
        prefix=f"{prefix}/clients", tags=["clients"], dependencies=[requires("admin")]
    )
    missing = error_responses(NotFound("client"))

    @router.get("", summary="All service clients")
    async def every() -> ClientsResponse:
        return ClientsResponse(items=[_response(client) for client in await clients.every()])

    @router.post(
        "",
        summary="Let a service fetch tokens; its secret is told this once",
        status_code=201,
        responses=error_responses(NameTaken("id")),
    )
    async def create(new: NewClient, request: Request, response: Response) -> ClientWithSecret:
        created = await clients.create(
            new.id,
            description=new.description,
            scopes=new.scopes,
            permissions=new.permissions,
            by=current_principal().user_id,
        )
        response.headers["Location"] = f"{request.url.path}/{created.client.id}"
        return _with_secret(created, response)

    @router.patch("/{client_id}", summary="Change or disable a service", responses=missing)
    async def change(client_id: ClientId, patch: ClientPatch) -> ClientResponse:
        change = ClientChange(
            description=patch.description,
            scopes=patch.scopes,
            permissions=patch.permissions,
            is_disabled=patch.disabled,
        )
        by = current_principal().user_id
        return _response(await clients.change(client_id, change, by=by))

    @router.post(
        "/{client_id}/secret",
        summary="Replace a service's secret; the new one is told this once",
        responses=missing,
    )
    async def rotate_secret(
        client_id: ClientId, response: Response, rotation: SecretRotation | None = None
    ) -> ClientWithSecret:
        kept_s = rotation.keep_previous_for_seconds if rotation else 0
        renewed = await clients.rotate_secret(
            client_id,
            keep_previous_for=timedelta(seconds=kept_s),
            by=current_principal().user_id,
        )
        return _with_secret(renewed, response)

    @router.delete("/{client_id}", summary="Forget a service", status_code=204, responses=missing)
    async def remove(client_id: ClientId) -> None:
        await clients.remove(client_id, by=current_principal().user_id)

    return router


def _response(client: ServiceClient) -> ClientResponse:
    return ClientResponse(
        id=client.id,
        description=client.description,
        scopes=sorted(client.scopes),
        permissions=sorted(client.permissions),
        disabled=client.is_disabled,
        created_at=client.created_at,
        updated_at=client.updated_at,
        previous_secret_until=client.previous_secret_until,
    )


def _with_secret(new: NewSecret, response: Response) -> ClientWithSecret:
    response.headers["Cache-Control"] = "no-store"
    return ClientWithSecret(**_response(new.client).model_dump(), secret=new.secret)
