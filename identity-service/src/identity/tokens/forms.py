"""
Reads what RFC 6749 and RFC 7009 put into forms, and who the calling client is.

A client shows itself by HTTP Basic or in the form, not both. A bearer token in the
header is no client authentication, and is passed over.
"""

import base64
import binascii
from urllib.parse import unquote_plus

from starlette.requests import Request

from identity.clients.service import ClientCredentials
from identity.errors import GrantRequestRefused, InvalidClient
from servicekit import forms
from servicekit.forms import Form
from servicekit.text import has_control_characters


async def form_of(request: Request) -> Form:
    """
    The fields of the request's form; raises GrantRequestRefused.
    """
    return await forms.form_of(request, refusal=_malformed)


def required(form: Form, name: str) -> str:
    """
    The value of a field that must be there.
    """
    value = form.get(name)
    if value is None:
        raise _malformed(f"The field {name} is missing.")
    return value


def credentials_of(request: Request, form: Form) -> ClientCredentials | None:
    """
    What the calling client shows of itself, or None; raises InvalidClient, GrantRequestRefused.
    """
    shown = _basic(request)
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if shown is not None:
        if secret is not None or client_id not in {None, shown.client_id}:
            raise _malformed("The client shows itself in the header and in the form.")
        return shown
    if client_id is None and secret is None:
        return None
    if client_id is None or secret is None:
        raise InvalidClient
    return ClientCredentials(client_id, secret)


def _basic(request: Request) -> ClientCredentials | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"", "bearer"}:
        return None
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidClient from None
    client_id, separator, secret = decoded.partition(":")
    if not separator or has_control_characters(decoded):
        raise InvalidClient
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    return ClientCredentials(unquote_plus(client_id), unquote_plus(secret))


def _malformed(message: str) -> GrantRequestRefused:
    return GrantRequestRefused("invalid_request", message)
