"""
How answers of upstreams are read: all at once if all is well, and item by item if not.

Nothing that an upstream sends raises anything but ``UpstreamFailed`` here. An item that cannot be read
fails alone, as long as it is known which one it is; an answer to something else than was asked is
not used at all, since nobody can tell what else is wrong with it. Operators are told of both, with the
place and the kind of a fault, never with what stood there.
"""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import structlog
from msgspec import Raw, Struct, json

from servicekit.errors import UpstreamFailed
from servicekit.http import Reply

#: What inventory and pricing take in one request.
MAX_IDS: Final = 200
#: What msgspec raises. Broken UTF-8 is a ValueError as well; nesting without end is the other.
UNREADABLE: Final = (ValueError, RecursionError)
_MAX_WHY: Final = 200

log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Items(Struct, Generic[Item]):
    """
    A list as our services send it; whatever else stands beside it is not looked at.
    """

    items: list[Item]


class KeyedItems(Generic[Item]):
    """
    Reads the answer to a question for several ids.

    ``key`` is the name of an item's id in JSON, ``keyed`` puts items by their ids, ``are_sound`` checks
    what msgspec does not: for all items together it must be right only if it is for each.
    """

    def __init__(
        self,
        many: type[Items[Item]],
        one: type[Item],
        *,
        key: str,
        keyed: Callable[[Sequence[Item]], dict[str, Item | Exception]],
        are_sound: Callable[[Sequence[Item]], bool],
    ) -> None:
        self._many = json.Decoder(many)
        self._one = json.Decoder(one)
        self._key = key
        self._keyed = keyed
        self._are_sound = are_sound

    def read(self, reply: Reply, asked: Sequence[str]) -> dict[str, Item | Exception]:
        """
        What is told of each id, and ``UpstreamFailed`` where that cannot be read; raises it where
        anything is told of an id that was not asked for, or twice.
        """
        content = content_of(reply)
        try:
            items = self._many.decode(content).items
        except UNREADABLE:
            return self._each(reply, asked)
        if not self._are_sound(items):
            return self._each(reply, asked)
        found = self._keyed(items)
        _check_asked(reply, len(items), found, asked)
        return found

    def _each(self, reply: Reply, asked: Sequence[str]) -> dict[str, Item | Exception]:
        items = read(_RAW_ITEMS, reply).items
        found = {self._key_in(item, reply): self._one_of(item, reply) for item in items}
        _check_asked(reply, len(items), found, asked)
        unusable = sum(isinstance(item, Exception) for item in found.values())
        log.warning("upstream.items_unusable", upstream=reply.upstream, items=unusable)
        return found

    def _one_of(self, item: Raw, reply: Reply) -> Item | Exception:
        try:
            one = self._one.decode(item)
        except UNREADABLE:
            return UpstreamFailed(reply.upstream)
        return one if self._are_sound([one]) else UpstreamFailed(reply.upstream)

    def _key_in(self, item: Raw, reply: Reply) -> str:
        try:
            return _STRING.decode(_FIELDS.decode(item)[self._key])
        except (*UNREADABLE, KeyError) as error:
            raise distrusted(reply, "an item without its id") from error


def joined(ids: Sequence[str]) -> str:
    """
    The ids as a parameter.
    """
    if not 1 <= len(ids) <= MAX_IDS:
        raise ValueError(f"must be 1 to {MAX_IDS} ids, not {len(ids)}")
    return ",".join(ids)


def read(decoder: json.Decoder[Answer], reply: Reply, *, status: int = 200) -> Answer:
    """
    The whole of an answer; raises UpstreamFailed.
    """
    try:
        return decoder.decode(content_of(reply, status=status))
    except UNREADABLE as error:
        raise distrusted(reply, str(error)) from error


def content_of(reply: Reply, *, status: int = 200) -> bytes:
    """
    The body of an answer; raises UpstreamFailed for one that says by its status that it is none
    (a redirect, an empty one).
    """
    if reply.status != status:
        raise distrusted(reply, f"status {reply.status}")
    return reply.content


def distrusted(reply: Reply, why: str) -> UpstreamFailed:
    """
    The error for an answer that is not used, of which operators are told why.
    """
    log.warning("upstream.answer_unusable", upstream=reply.upstream, why=why[:_MAX_WHY])
    return UpstreamFailed(reply.upstream)


def _check_asked(reply: Reply, n_items: int, found: dict[str, Item], asked: Sequence[str]) -> None:
    if len(found) != n_items:
        raise distrusted(reply, "an id is told twice")
    if not found.keys() <= set(asked):
        raise distrusted(reply, "an id was not asked for")


_RAW_ITEMS: Final = json.Decoder(Items[Raw])
_FIELDS: Final = json.Decoder(dict[str, Raw])
_STRING: Final = json.Decoder(str)
