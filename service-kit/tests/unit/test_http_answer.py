"""
Headers of answers are asked for seldom, and then in whatever case.
"""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.http.answer import Headers

RAW = [(b"Content-Type", b"text/csv"), (b"vary", b"Accept"), (b"Vary", b"Origin")]


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
def test_name_is_found_in_any_case(name: str) -> None:
    """
    As it came, or as somebody else would write it.
    """
    assert Headers(RAW)[name] == "text/csv"
    assert name in Headers(RAW)


def test_name_that_did_not_come_is_not_there() -> None:
    """
    Asked for with a fallback or without.
    """
    with pytest.raises(KeyError):
        Headers(RAW)["Retry-After"]
    assert Headers(RAW).get("Retry-After") is None


@given(st.lists(st.tuples(st.sampled_from([b"A", b"a", b"B"]), st.sampled_from([b"1", b"2"]))))
def test_headers_read_as_those_of_httpx(raw: list[tuple[bytes, bytes]]) -> None:
    """
    Each name once, with all that was told under it.
    """
    assert dict(Headers(raw)) == dict(httpx.Headers(raw))
    assert len(Headers(raw)) == len({*Headers(raw)})
