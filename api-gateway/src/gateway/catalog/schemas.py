"""
What the catalog's routes take and answer: for the documentation, and for bodies that come in.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from gateway.catalog.models import Part, Reason, Status
from gateway.upstreams.models import PRODUCT_ID
from servicekit.schemas import AnswerModel, PageOf, RequestModel

ID_PATTERN: Final = f"^{PRODUCT_ID}$"
MAX_CHECKED: Final = 200

Sort = Literal["id", "-id", "name", "-name", "available", "-available", "updatedAt", "-updatedAt"]
Id = Annotated[str, Field(pattern=ID_PATTERN, examples=["TEST-001"])]


class BulkCheckRequest(RequestModel):
    """
    Up to 200 ids. They are answered in this order, and twice where they stand twice.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"productIds": ["TEST-001"]}]})

    product_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_CHECKED)]


class UnavailableResponse(AnswerModel):
    """
    A part that was not read now, and why. ``stale``: what it last told stands in, ``ageSeconds`` old.
    """

    model_config = ConfigDict(extra="forbid")

    part: Part
    reason: Reason
    stale: bool
    age_seconds: int | None


class ExplainedCallResponse(AnswerModel):
    """
    A call to a service, and the batch it went out with. Null stands in a call that is in progress:
    the request's time was over before it was.
    """

    model_config = ConfigDict(extra="forbid")

    keys: int
    lookups: int
    in_progress: bool
    upstream: str | None
    outcome: str | None
    status: int | None
    attempts: int | None
    breaker: str | None
    deadline_ms: float | None
    used_ms: float | None


class SourcesResponse(AnswerModel):
    """
    For how many products a part was read now, is what was last known, or is missing.
    """

    model_config = ConfigDict(extra="forbid")

    fresh: int
    last_known: int
    none: int


class ExplainedPartResponse(AnswerModel):
    """
    Where a part came from. ``notSent``: lookups for which no call went out.
    """

    model_config = ConfigDict(extra="forbid")

    part: Part
    source: SourcesResponse
    not_sent: int
    calls: list[ExplainedCallResponse]


class ExplainResponse(AnswerModel):
    """
    How the answer came about: for administrators who send ``X-Explain: 1``, else left out.
    """

    model_config = ConfigDict(extra="forbid")

    parts: list[ExplainedPartResponse]


#: Left out unless it was asked for, and never null.
Explain = Annotated[ExplainResponse | SkipJsonSchema[None], Field(default=None)]


class CatalogProductResponse(AnswerModel):
    """
    A product. ``complete``: every part of it was read after the request came in. Otherwise
    ``unavailable`` names what was not; its fields hold what was last known, or null.
    """

    model_config = ConfigDict(extra="forbid")

    id: Id
    sku: str | None
    name: str | None
    description: str | None
    category: str | None
    image_url: str | None
    stock_level: int | None
    reserved: int | None
    available: int | None
    updated_at: datetime | None
    price: Annotated[str | None, Field(description="A decimal", examples=["19.99"])]
    currency: str | None
    complete: bool
    unavailable: list[UnavailableResponse]
    explain: Explain


class CatalogPageResponse(PageOf[CatalogProductResponse]):
    """
    One page. ``complete``: the list and every product in it is. ``unavailable`` is of the list itself.
    """

    model_config = ConfigDict(extra="forbid")

    complete: bool
    unavailable: list[UnavailableResponse]
    explain: Explain


class CheckedResponse(AnswerModel):
    """
    One line of a bulk check. ``missing``: there is no such product. ``failed``: nothing is known of
    it now; ``unavailable`` says why. ``reason`` is null for what is found.
    """

    model_config = ConfigDict(extra="forbid")

    product_id: Id
    status: Status
    reason: Reason | None
    unavailable: list[UnavailableResponse]
    product: CatalogProductResponse | None


class BulkCheckResponse(AnswerModel):
    """
    A line for each id. ``complete``: all that was asked could be told.
    """

    model_config = ConfigDict(extra="forbid")

    items: list[CheckedResponse]
    complete: bool
    explain: Explain


class CategoryCountResponse(AnswerModel):
    """
    A category, and how many products are in it.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    count: int


class CatalogCategoriesResponse(AnswerModel):
    """
    Every category.
    """

    model_config = ConfigDict(extra="forbid")

    items: list[CategoryCountResponse]
    complete: bool
    unavailable: list[UnavailableResponse]
