"""
Addresses are put together without httpx: they are what it would send all the same.
"""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.http.addresses import Addresses, Origin, Params, segment

BASE = "http://inventory:8001/shop"


def as_httpx_sends(target: str) -> str:
    """
    What httpx would send for ``target``.
    """
    return httpx.URL(f"http://inventory:8001{target}").raw_path.decode()


@given(st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text(), max_size=4))
def test_any_query_is_sent_as_httpx_would_send_it(params: dict[str, str]) -> None:
    """
    Whatever the parameters hold, httpx would change nothing, and reads out of it what went in.
    """
    made = Addresses(BASE).of("/products", params)

    assert made == as_httpx_sends(made)
    assert dict(httpx.URL(f"http://x{made}").params) == params


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_path_is_sent_as_httpx_would_send_it(name: str) -> None:
    """
    Whatever a name holds, httpx would change nothing, and reads out of it what went in.
    """
    made = Addresses(BASE).of(f"/products/{segment(name)}", None)

    assert made == as_httpx_sends(made)
    assert httpx.URL(f"http://x{made}").path == f"/shop/products/{name}"


@pytest.mark.parametrize("n_ids", [1, 200])
def test_lists_of_ids_come_as_they_are(n_ids: int) -> None:
    """
    Commas and ids stand in the query as they were given.
    """
    ids = ",".join(f"TEST-{place:03d}" for place in range(n_ids))
    params: Params = {"ids": ids}

    made = Addresses(BASE).of("/products", params)

    assert made == as_httpx_sends(made) == f"/shop/products?ids={ids}"


@pytest.mark.parametrize(
    ("base", "host", "origin"),
    [
        ("http://inventory", "inventory", Origin("http", "inventory", 80)),
        ("https://inventory/", "inventory", Origin("https", "inventory", 443)),
        ("http://Inventory:8001/a/", "inventory:8001", Origin("http", "inventory", 8001)),
        ("http://[::1]:8001", "[::1]:8001", Origin("http", "::1", 8001)),
        ("http://bücher", "xn--bcher-kva", Origin("http", "xn--bcher-kva", 80)),
    ],
)
def test_connection_goes_to_whom_the_base_names(base: str, host: str, origin: Origin) -> None:
    """
    With its scheme's port where it names none, and the name as it is looked up.
    """
    addresses = Addresses(base)

    assert (addresses.host, addresses.origin) == (host, origin)
    assert addresses.url == f"{origin.scheme}://{host}"


@pytest.mark.parametrize("path", ["/a%zz", "/a%2", "/ü", "/a b", "/a?b", "/a#b", "a", "/a\nb"])
def test_path_that_is_none_is_refused(path: str) -> None:
    """
    What would have to be written otherwise is a mistake of the caller's.
    """
    with pytest.raises(ValueError, match="not a path"):
        Addresses(BASE).of(path, None)
