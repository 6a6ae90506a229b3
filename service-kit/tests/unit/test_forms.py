"""
Which bodies are forms, and what they say.
"""

import pytest
from starlette.requests import Request
from starlette.types import Message

from servicekit.errors import InvalidRequest, MalformedRequest
from servicekit.forms import FORM, described, form_of


def posted(body: bytes, content_type: str = FORM) -> Request:
    """
    A request with this body.
    """

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=1&b=two+words", {"a": "1", "b": "two words"}),
        (b"a=%C3%A9%26", {"a": "\u00e9&"}),
        (b"a=&b=1", {"b": "1"}),
    ],
)
async def test_a_form_is_read(body: bytes, fields: dict[str, str]) -> None:
    """
    Fields are decoded, and one without a value counts as absent.
    """
    assert await form_of(posted(body, f"{FORM.upper()}; charset=utf-8")) == fields


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a=1", "application/json"),
        (b"a=1", ""),
        (b"a=1&a=1", FORM),
        (b"a=%ff", FORM),
        (b"a=\xff", FORM),
        (b"a=%00", FORM),
        (b"%0a=1", FORM),
        (b"a=" + b"x" * 8193, FORM),
        (b"&".join(b"f%d=1" % number for number in range(21)), FORM),
    ],
)
async def test_what_is_no_form_is_400(body: bytes, content_type: str) -> None:
    """
    Other types, repeated fields, bytes that are no text, control characters, floods.
    """
    with pytest.raises(MalformedRequest):
        await form_of(posted(body, content_type))


async def test_a_service_refuses_in_its_own_words() -> None:
    """
    The error is what the caller makes of the sentence.
    """
    with pytest.raises(InvalidRequest, match="must be a form") as refused:
        await form_of(posted(b"", "text/plain"), refusal=InvalidRequest)

    assert refused.value.status == 422


def test_a_form_is_described_for_openapi() -> None:
    """
    Each field with its meaning, and which must be there.
    """
    body = described(["a"], {"a": "the first", "b": "the second"})["requestBody"]

    schema = body["content"][FORM]["schema"]
    assert (body["required"], schema["required"]) == (True, ["a"])
    assert schema["properties"]["b"] == {"type": "string", "description": "the second"}
