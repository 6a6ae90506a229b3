"""
What the routes of this service have in common.
"""

from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import AfterValidator
from starlette.convertors import Convertor, register_url_convertor

from pricing.names import ID_PATTERN, RESERVED_IDS, not_reserved
from pricing.schemas import Currency

ProductIdInPath = Annotated[
    str, Path(pattern=ID_PATTERN, examples=["TEST-001"]), AfterValidator(not_reserved)
]
CurrencyInQuery = Annotated[Currency | None, Query(description="By default that of the shop")]


class ProductIdConvertor(Convertor[str]):
    """
    Any segment of a path that is not the name of another route below ``/prices``, so that those
    routes say rightly which methods they serve. No product can be called like one of them.
    """

    regex = f"(?!(?:{'|'.join(RESERVED_IDS)})(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """
        As it stands; the parameter's own rules are checked later.
        """
        return value

    def to_string(self, value: str) -> str:
        """
        As it is.
        """
        return value


# Starlette keeps one table of convertors for the whole process, by name: what stands in it must be
# there before any route is made, and a name that others use too would change their routes.
register_url_convertor("pricing_product_id", ProductIdConvertor())


def json_answer(content: str | bytes) -> Response:
    """
    An answer that is JSON already.
    """
    return Response(content, media_type="application/json")
