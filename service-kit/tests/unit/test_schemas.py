"""
What the bodies of all services have in common.
"""

import pytest
from pydantic import ValidationError

from servicekit.schemas import AnswerModel, PageOf, RequestModel, pages_of
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
