"""
The smallest service that keeps every promise of the conformance suite: a notebook.

It is what a newcomer would write, and it runs as a process:
``python model_service.py serve``. The suite's own tests break one thing of it at a time.
"""

import sys
from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sample_service import SECRET

from servicekit.app import create_service
from servicekit.auth import PUBLIC, TokenVerifier, requires
from servicekit.commands import Service, main
from servicekit.health import HealthCheck
from servicekit.settings import ServiceSettings


class Note(BaseModel):
    """
    What somebody wrote.
    """

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=80, examples=["Milk"])]
    importance: Annotated[int, Field(ge=1, le=5, examples=[3])]


NoteId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$", examples=["note-1"])]
Limit = Annotated[int, Query(ge=1, le=100)]
MILK = Note(title="Milk", importance=3)


def notes() -> APIRouter:
    """
    The routes. Nothing is stored: every note is about milk.
    """
    routes = APIRouter(tags=["notes"])

    @routes.get("/notes", dependencies=[PUBLIC], summary="The newest notes")
    async def newest(limit: Limit = 10) -> list[Note]:
        return [MILK] * limit

    @routes.get("/notes/{note_id}", dependencies=[PUBLIC], summary="One note")
    async def one(note_id: NoteId) -> Note:
        return MILK.model_copy(update={"title": note_id})

    @routes.post("/notes", dependencies=[PUBLIC], status_code=201, summary="Write a note")
    async def write(note: Note) -> Note:
        return note

    @routes.get("/drafts", dependencies=[requires("write")], summary="The notes that wait")
    async def drafts() -> list[Note]:
        return [MILK]

    @routes.put("/notes/{note_id}", dependencies=[requires("write")], summary="Change a note")
    async def change(note_id: NoteId, note: Note) -> Note:
        return note.model_copy(update={"title": note_id})

    return routes


async def _ping() -> None:
    """
    The paper is always there.
    """


def create_app(settings: ServiceSettings) -> FastAPI:
    """
    As a service's ``main.py`` does it.
    """
    return create_service(
        settings,
        title="Notes",
        description="A model of a service.",
        verifier=TokenVerifier.hs256(
            SECRET, issuer=settings.jwt_issuer, audience=settings.jwt_audience
        ),
        routers=[notes()],
        checks=[HealthCheck("paper", _ping)],
    )


SERVICE = Service(package="model_service", settings_class=ServiceSettings, create_app=create_app)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
