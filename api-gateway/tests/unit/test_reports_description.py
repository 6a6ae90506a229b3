"""
What is said of reports is what they are: fields, columns and examples.
"""

import csv
import io

import pytest
from pydantic import BaseModel

from gateway.reports import models, schemas
from gateway.reports.examples import responses_of

REPORTS: dict[str, tuple[type[models.Line], type[BaseModel], type[BaseModel]]] = {
    "orders": (models.OrdersLine, schemas.OrdersLineResponse, schemas.OrdersReportResponse),
    "top-products": (
        models.ProductLine,
        schemas.TopProductResponse,
        schemas.TopProductsReportResponse,
    ),
    "discounts": (models.DiscountLine, schemas.DiscountResponse, schemas.DiscountsReportResponse),
    "stock-value": (models.StockLine, schemas.StockLineResponse, schemas.StockValueReportResponse),
    "troubles": (models.TroubleLine, schemas.TroubleResponse, schemas.TroublesReportResponse),
}


@pytest.mark.parametrize("name", REPORTS)
def test_columns(name: str) -> None:
    """
    Each line has the fields that the documentation names, and CSV has them as columns.
    """
    line, described, _ = REPORTS[name]
    example = responses_of(name)[200]["content"]["text/csv"]["example"]

    columns = next(csv.reader(io.StringIO(example)))

    assert columns == [*line.__struct_encode_fields__]
    assert {*columns} == {field.alias for field in described.model_fields.values()}


@pytest.mark.parametrize("name", REPORTS)
def test_examples(name: str) -> None:
    """
    Each example is an answer as it is described.
    """
    *_, answer = REPORTS[name]
    example = responses_of(name)[200]["content"]["application/json"]["example"]

    assert answer.model_validate(example).model_dump(by_alias=True).keys() == example.keys()


@pytest.mark.parametrize("name", REPORTS)
def test_who_says_since_when_it_is_complete_says_so_in_a_header(name: str) -> None:
    """
    CSV has no other place for it, so whoever reads the description finds it there.
    """
    *_, answer = REPORTS[name]
    headers = responses_of(name)[200].get("headers", {})

    assert ("X-Complete-Since" in headers) == ("complete_since" in answer.model_fields)
