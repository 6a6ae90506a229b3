"""
Long queries skip httpx's look at each of their characters: their addresses are httpx's own all the same.
"""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.http.addresses import Addresses, Params

BASE = "http://inventory:8001"
#: Long enough for a query that is not kept.
FILLING = "x" * 300


def sent_to(url: httpx.URL) -> tuple[object, ...]:
    """
    All that a request's address comes to, on the wire and for whoever reads it.
    """
    return (
        str(url),
        url.raw_path,
        url.query,
        url.path,
        url.host,
        url.port,
        url.netloc,
        url.scheme,
        url.fragment,
        list(url.params.multi_items()),
        httpx.Request("GET", url).headers["Host"],
    )


@given(st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text(), max_size=4))
def test_any_long_query_is_sent_as_httpx_would_send_it(params: dict[str, str]) -> None:
    """
    Whatever the parameters hold, nothing of the address differs from one that httpx has parsed.
    """
    made = Addresses(BASE).of("/products", params | {"filling": FILLING})

    parsed = httpx.URL(str(made))

    assert sent_to(made) == sent_to(parsed)
    assert made == parsed
    assert dict(parsed.params) == params | {"filling": FILLING}


@pytest.mark.parametrize("n_ids", [1, 30, 31, 32, 33, 200])
def test_lists_of_ids_come_as_they_are(n_ids: int) -> None:
    """
    On both sides of the bound, commas and ids stand in the query as they were given.
    """
    ids = [f"TEST-{place:03d}" for place in range(n_ids)]
    params: Params = {"ids": ",".join(ids)}

    made = Addresses(BASE).of("/api/v1/products", params)

    assert str(made) == f"{BASE}/api/v1/products?ids={','.join(ids)}"
    assert sent_to(made) == sent_to(httpx.URL(str(made)))


def test_a_long_query_leaves_the_kept_address_as_it_is() -> None:
    """
    The address without a query, from which it is made, is the same before and afterwards.
    """
    addresses = Addresses(BASE)
    before = addresses.of("/products", None)

    long = addresses.of("/products", {"filling": FILLING})

    assert addresses.of("/products", None) is before
    assert (before.query, long.query) == (b"", b"filling=" + FILLING.encode())
