"""
What the bodies of requests and answers have in common: names in camel case outside,
nothing that is not known, and pages that all look alike.
"""

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

Item = TypeVar("Item")

#: Query parameters of every list.
PageNumber = Annotated[int, Query(ge=1, le=100_000, description="Which page, from 1")]
PageSize = Annotated[int, Query(ge=1, le=200, description="How many on a page")]


@dataclass(frozen=True, slots=True)
class Whole:
    """
    A whole number as JSON Schema means it, 2 and 2.0, from ``ge`` to ``le``: no text, no boolean.

    ``Annotated[int, Whole(ge=1, le=100)]``
    """

    ge: int
    le: int

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        number = core_schema.int_schema(ge=self.ge, le=self.le, strict=True)
        return core_schema.no_info_before_validator_function(_whole, number)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class RequestModel(BaseModel):
    """
    A body that is taken: unknown fields are refused, and values never stand in an error.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True
    )


class AnswerModel(BaseModel):
    """
    A body that is given.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class PageOf(AnswerModel, Generic[Item]):
    """
    One page of a list, and its place among the others.
    """

    items: list[Item]
    page: int
    size: int
    total: int
    pages: int


def pages_of(total: int, size: int) -> int:
    """
    How many pages of ``size`` hold ``total``.
    """
    return -(-total // size)
