"""
What the routes of this service have in common.
"""

from typing import Any

from fastapi import Response


def json_answer(content: str | bytes) -> Response:
    """
    An answer that is JSON already.
    """
    return Response(content, media_type="application/json")


def example(body: dict[str, Any]) -> dict[str, Any]:
    """
    ``openapi_extra`` that shows a body to send.
    """
    return {"requestBody": {"content": {"application/json": {"example": body}}}}
