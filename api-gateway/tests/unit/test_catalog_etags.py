"""
Entity tags, and the header in which clients send them back.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.etags import etag_of, is_known

TAG = etag_of(b"body")


@pytest.mark.parametrize(
    "header",
    [
        TAG,
        f"W/{TAG}",
        f'"other", {TAG}',
        f'W/"other",W/{TAG} , "third"',
        f'"with, a comma", {TAG}',
        "*",
        " * ",
        '"other", *',
        "*,*",
    ],
)
def test_a_tag_is_found_in_its_header(header: str) -> None:
    """
    Lists, weak prefixes and the star are read as HTTP says.
    """
    assert is_known([header], TAG)


@pytest.mark.parametrize(
    "header",
    ["", '"other"', TAG.strip('"'), "W/", f'"a{TAG[1:]}', f'"*", "{TAG[1:-2]}"', "**", '"a,*,b"'],
)
def test_another_tag_is_not_ours(header: str) -> None:
    """
    Only the whole tag, in its quotes, counts.
    """
    assert not is_known([header], TAG)


@given(one=st.binary(max_size=50), other=st.binary(max_size=50))
def test_a_tag_stands_for_one_body(one: bytes, other: bytes) -> None:
    """
    Equal bodies have equal tags, and others have others.
    """
    assert (etag_of(one) == etag_of(other)) == (one == other)


@given(header=st.text(max_size=200))
def test_no_header_is_too_strange(header: str) -> None:
    """
    Whatever a client sends is known or not, and breaks nothing.
    """
    has_star = any(member.strip(" \t") == "*" for member in header.split(","))

    assert is_known([header], TAG) == (TAG in header or has_star) or '"' in header


def test_all_lines_of_the_header_are_one_list() -> None:
    """
    A header that stands several times says as much as one line with all of it.
    """
    assert is_known(['"other"', TAG], TAG)
    assert is_known(["*", "*"], TAG)
    assert not is_known(['"other"', '"third"'], TAG)
