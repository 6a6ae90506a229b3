"""
Which ids a request goes on with, whatever it brought.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit import correlation

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_valid_ids_are_continued() -> None:
    """
    A well-formed correlation id and trace go on unchanged, in a span of their own.
    """
    ids = correlation.continued("order-42.a_B", TRACEPARENT, "api-gateway")

    assert ids.correlation_id == "order-42.a_B"
    assert ids.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert ids.parent_span_id == "b7ad6b7169203331"
    assert ids.span_id != ids.parent_span_id
    assert ids.caller == "api-gateway"


@pytest.mark.parametrize(
    "brought", [None, "", "a" * 129, "with space", "line\nbreak", "ü", 'quote"', "a/b", "a\n"]
)
def test_malformed_correlation_id_is_replaced(brought: str | None) -> None:
    """
    What is not 1-128 of the allowed characters is replaced by a new UUID.
    """
    ids = correlation.continued(brought, None)

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids.correlation_id)


@pytest.mark.parametrize(
    "brought",
    [
        None,
        "",
        "garbage",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    ],
)
def test_invalid_trace_is_restarted(brought: str | None) -> None:
    """
    A traceparent that W3C Trace Context calls invalid starts a new trace.
    """
    ids = correlation.continued(None, brought)

    assert ids.trace_id not in {"0" * 32, "0af7651916cd43dd8448eb211c80319c"}
    assert re.fullmatch(r"[0-9a-f]{32}", ids.trace_id)
    assert ids.parent_span_id is None


def test_later_version_of_traceparent_is_continued() -> None:
    """
    A traceparent of a later version may carry more than ours, and is continued.
    """
    ids = correlation.continued(None, "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-x")

    assert ids.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert not ids.sampled
    assert ids.traceparent.endswith("-00")


@pytest.mark.parametrize("brought", ["", "Not A Name", "x" * 64, "a\r\nb"])
def test_malformed_caller_is_forgotten(brought: str) -> None:
    """
    A calling service whose name is no name is not repeated.
    """
    assert correlation.continued(None, None, brought).caller is None


@given(st.text(), st.text())
def test_any_text_gives_usable_ids(correlation_id: str, traceparent: str) -> None:
    """
    Whatever arrives, the ids that leave are safe in a header and in a log.
    """
    ids = correlation.continued(correlation_id, traceparent)

    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", ids.correlation_id)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", ids.traceparent)


def test_ids_hold_inside_only() -> None:
    """
    Ids are there inside their block, and the former ones again after it.
    """
    outer, inner = correlation.new("outer"), correlation.new("inner")

    with correlation.correlated(outer):
        with correlation.correlated(inner):
            assert correlation.correlation_id() == "inner"
        assert correlation.current() is outer

    assert correlation.current() is None
    assert correlation.correlation_id() is None
