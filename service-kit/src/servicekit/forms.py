"""
Reads forms as OAuth 2 has them (RFC 6749, appendix B), strictly.

A form is ``application/x-www-form-urlencoded`` in UTF-8, names no field twice, and a
field without a value counts as absent (RFC 6749, section 3.2).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from servicekit.errors import MalformedRequest, StorefrontError
from servicekit.text import has_control_characters

FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 20
#: Longer than any name, secret, password (1 KiB) or token of ours.
_MAX_FIELD_LENGTH: Final = 8192

Form = Mapping[str, str]


def described(required: Sequence[str], fields: Mapping[str, str]) -> dict[str, Any]:
    """
    What a route that takes a form declares as ``openapi_extra``: ``fields`` with what they mean.
    """
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {
            name: {"type": "string", "description": meaning} for name, meaning in fields.items()
        },
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


async def form_of(
    request: Request, *, refusal: Callable[[str], StorefrontError] = MalformedRequest
) -> Form:
    """
    The fields of the request's form; raises what ``refusal`` makes of a sentence for its sender.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM:
        raise refusal(f"The body must be a form ({FORM}).")
    try:
        fields = parse_qsl(
            (await request.body()).decode(), max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise refusal("The form could not be read.") from None
    form = dict(fields)
    if len(form) < len(fields):
        raise refusal("A field stands in the form twice.")
    for name, value in fields:
        if len(value) > _MAX_FIELD_LENGTH or has_control_characters(name + value):
            raise refusal("A field is too long, or holds control characters.")
    return form
