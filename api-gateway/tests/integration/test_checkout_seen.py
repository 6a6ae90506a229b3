"""
What shoppers and operators see of orders, as docs/operations.md tells it: answers, log events.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
from checkout_app import running_checkout
from gateway_app import shared_secret
from real_goods import real_goods
from shopper_happenings import Seen
from shopper_stories import GATEWAYS, STORIES, Story

from gateway.checkout import service
from gateway.settings import Settings
from servicekit.testing.clock import FakeClock

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "operations.md"
CHECKOUT: Final = Path(service.__file__).parent
#: What stands between these lines is made here.
BEGIN: Final = "<!-- The tables are made of real answers: REWRITE_TABLES=1"
END: Final = "<!-- end of the tables -->"
#: A breaker that a story has opened is closed by the first call of the next.
BETWEEN_STORIES_S: Final = 60

_HEAD: Final = (
    "| what happened | status, code | what the shopper is told | `Retry-After` | the order then |",
    "|---|---|---|---|---|",
)
#: What tells more than the status, where it stands.
_HEADERS: Final = ("Location", "Idempotency-Replayed", "Preference-Applied")
#: Facts that are told by other columns.
_UNTOLD: Final = ("orderId", "retryAfterSeconds")
_IS_ID: Final = re.compile(r"[0-9a-f]{32}")


async def test_the_document_says_what_shoppers_are_told(tmp_path: Path) -> None:
    """
    The tables under "What a shopper sees" are what the stories come to, to the word.
    """
    seen = await _all_seen(tmp_path)
    tables = "\n".join(_tables(seen))
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    comment, _, rest = rest.partition("\n")
    told, _, after = rest.partition(END)
    if os.environ.get("REWRITE_TABLES"):
        DOCUMENT.write_text(f"{before}{BEGIN}{comment}\n{tables}\n{END}{after}")
        return

    assert told == f"{tables}\n"


def test_the_document_names_every_event_of_orders() -> None:
    """
    Whatever the checkout writes to the log is explained, and nothing else is.
    """
    sources = "".join(one.read_text() for one in CHECKOUT.glob("*.py"))
    logged = {*re.findall(r'"(order\.[a-z_]+)"', sources)}
    text = _section("### Events").replace("`.", "`order.")

    assert {*re.findall(r"`(order\.[a-z_]+)`", text)} == logged


def _section(title: str) -> str:
    _, _, rest = DOCUMENT.read_text().partition(f"\n{title}")
    return rest.partition("\n### ")[0]


async def _all_seen(folder: Path) -> Mapping[Story, Seen]:
    seen, clock = {}, FakeClock()
    stories = [story for group in STORIES.values() for story in group]
    policy = shared_secret(Settings).ordering_policy
    async with real_goods(folder, clock) as backends:
        for where, told in GATEWAYS.items():
            async with running_checkout(backends, clock=clock, policy=policy, **told) as shop:
                for story in stories:
                    if story.where == where:
                        seen[story] = await story.happens(shop)
                        clock.advance(BETWEEN_STORIES_S)
    return seen


def _tables(seen: Mapping[Story, Seen]) -> Iterator[str]:
    for title, stories in STORIES.items():
        yield f"\n{title}:\n"
        yield from _HEAD
        for story in stories:
            yield _row(story, seen[story])


def _row(story: Story, seen: Seen) -> str:
    answer = seen.answer
    error = answer.json().get("error", {})
    code = f" `{error['code']}`" if error else ""
    wait_s = answer.headers.get("Retry-After", "")
    became = ", then ".join(f"`{one}`" for one in seen.statuses) or "none"
    columns = (story.what, f"{answer.status_code}{code}", _told(answer), wait_s, became)
    return f"| {' | '.join(columns)} |"


def _told(answer: httpx.Response) -> str:
    told = answer.json()
    headers = [f"`{one}`" for one in _HEADERS if one in answer.headers]
    if "error" not in told:
        what = "the order, with its lines and prices" if told["totalPrice"] else "the order so far"
        return "; ".join([what, *headers])
    message = _IS_ID.sub("...", told["error"]["message"])
    details = told["error"].get("details", {})
    facts = [f"`{name}`" for name in details if name not in _UNTOLD]
    facts += [f"`{one['field']}`" for one in details.get("problems", ())]
    return f"{message} ({', '.join([*facts, *headers])})" if facts or headers else message
