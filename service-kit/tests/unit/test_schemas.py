"""
What the bodies of all services have in common.
"""

import re
from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from servicekit.schemas import AnswerModel, PageOf, RequestModel, Whole, pages_of
from servicekit.text import PlainText


class Note(RequestModel):
    """
    A body for these tests.
    """

    note_text: PlainText


class NoteAnswer(AnswerModel):
    """
    An answer for these tests.
    """

    note_text: str


def test_names_are_in_camel_case_outside() -> None:
    """
    Bodies speak as JSON does, code as Python does.
    """
    note = Note.model_validate({"noteText": "a"})

    assert NoteAnswer(note_text=note.note_text).model_dump(by_alias=True) == {"noteText": "a"}


@pytest.mark.parametrize(
    "body", [{"noteText": "a", "other": 1}, {"noteText": "a\x00"}, {"noteText": "\ud800"}]
)
def test_what_is_not_known_or_no_text_is_refused(body: dict[str, object]) -> None:
    """
    A field nobody knows is a mistake worth telling, and control characters are no text.
    """
    with pytest.raises(ValidationError):
        Note.model_validate(body)


def test_the_schema_tells_what_text_may_hold() -> None:
    """
    Whoever reads the description knows what will be refused, beside a field's own bounds.
    """

    class Named(RequestModel):
        name: Annotated[PlainText, Field(max_length=5)]
        note: PlainText | None = None

    told = Named.model_json_schema()["properties"]

    assert (told["name"]["pattern"], told["name"]["maxLength"]) == (
        told["note"]["anyOf"][0]["pattern"],
        5,
    )
    text = told["name"]
    assert re.match(text["pattern"], "Añ 1")
    assert not re.match(text["pattern"], "a\x85b")


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2)])
def test_the_last_page_may_be_short(total: int, pages: int) -> None:
    """
    Every item has its page, and no page is empty.
    """
    assert pages_of(total, 20) == pages


def test_a_page_tells_its_place() -> None:
    """
    All lists look alike.
    """
    page = PageOf[NoteAnswer](items=[NoteAnswer(note_text="a")], page=1, size=20, total=1, pages=1)

    assert page.model_dump(by_alias=True) == {
        "items": [{"noteText": "a"}],
        "page": 1,
        "size": 20,
        "total": 1,
        "pages": 1,
    }


class Count(RequestModel):
    """
    A body with a number.
    """

    count: Annotated[int, Whole(ge=0, le=9)]


@pytest.mark.parametrize("count", [2, 2.0])
def test_a_whole_number_may_be_written_with_a_point(count: float) -> None:
    """
    JSON does not tell integers from other numbers, and its schema calls both whole.
    """
    assert repr(Count.model_validate({"count": count}).count) == "2"


@pytest.mark.parametrize("count", [2.5, "2", True, None, 10, -1, 1e300, float("nan"), float("inf")])
def test_what_is_no_whole_number_is_refused(count: object) -> None:
    """
    Nothing is guessed from text or booleans, and bounds hold.
    """
    with pytest.raises(ValidationError):
        Count.model_validate({"count": count})


def test_a_whole_number_is_an_integer_in_the_schema() -> None:
    """
    Its bounds stand beside it.
    """
    assert Count.model_json_schema()["properties"]["count"] == {
        "maximum": 9,
        "minimum": 0,
        "title": "Count",
        "type": "integer",
    }
