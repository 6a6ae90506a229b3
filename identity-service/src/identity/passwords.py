"""
Which passwords may be chosen, and the argon2id hashes by which they are checked.

The policy follows NIST SP 800-63B: length counts, composition rules do not,
and the worst passwords are refused. A hash takes tens of megabytes and about a
tenth of a second, so hashing runs in a few threads with a short queue: a flood
of sign-ins is refused with 503 before it can eat memory or block other requests.
"""

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from identity.errors import WeakPassword
from identity.text import name_key
from servicekit.errors import Overloaded
from servicekit.text import has_control_characters

MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 256
#: No character of UTF-8 is longer than four bytes.
MAX_PASSWORD_BYTES = 4 * MAX_PASSWORD_LENGTH

#: The most used passwords of at least 12 characters (from public lists of leaked ones).
WORST_PASSWORDS = frozenset(
    [
        "123456789012",
        "1234567890123",
        "12345678901234",
        "123456789123",
        "1234567891234",
        "0123456789012",
        "123123123123",
        "121212121212",
        "111111111111",
        "000000000000",
        "112233445566",
        "987654321098",
        "password1234",
        "password12345",
        "password123456",
        "passwordpassword",
        "password123!",
        "p@ssw0rd1234",
        "passw0rd1234",
        "mypassword123",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiop[]",
        "qwerty123456",
        "qwertyqwerty",
        "qwerty1234567",
        "1q2w3e4r5t6y",
        "1q2w3e4r5t6y7u",
        "1qaz2wsx3edc",
        "1qazxsw23edc",
        "q1w2e3r4t5y6",
        "asdfghjkl123",
        "asdfasdfasdf",
        "abcdefghijkl",
        "abcdefghijklm",
        "abcd12345678",
        "abc123abc123",
        "iloveyou1234",
        "iloveyouiloveyou",
        "letmein12345",
        "letmeinletmein",
        "welcome12345",
        "welcome123456",
        "administrator",
        "administrator1",
        "administrator123",
        "adminadminadmin",
        "admin1234567",
        "changeme1234",
        "changemechangeme",
        "trustno1trustno1",
        "superman1234",
        "football1234",
        "baseball1234",
        "princess1234",
        "sunshine1234",
        "monkey123456",
        "dragondragon",
        "dragon123456",
        "michael12345",
        "correcthorsebatterystaple",
    ]
)

T = TypeVar("T")


def normalised_password(password: str) -> str:
    """
    The same password however a keyboard composes its characters.
    """
    return unicodedata.normalize("NFKC", password)


def checked_new_password(password: str, *, names: tuple[str, ...], field: str = "password") -> str:
    """
    The password in its normal form, if it may be chosen by somebody called ``names``.
    """
    normal = normalised_password(password)
    if has_control_characters(normal):
        raise WeakPassword("must not hold control characters", field=field)
    if not MIN_PASSWORD_LENGTH <= len(normal) <= MAX_PASSWORD_LENGTH:
        raise WeakPassword(
            f"must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters", field=field
        )
    key = name_key(normal)
    if key in WORST_PASSWORDS or len(set(key)) < 4:
        raise WeakPassword("is among the first that are guessed", field=field)
    if key in {name_key(name) for name in names}:
        raise WeakPassword("must not be the name of its user", field=field)
    return normal


@dataclass(frozen=True, slots=True)
class HashCost:
    """
    What one hash costs; the default is RFC 9106's second recommendation.
    """

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Verification:
    """
    Whether a password was right, and its new hash where the old one was made at another cost.
    """

    is_right: bool
    rehashed: str | None = None


class PasswordHashing:
    """
    Makes and checks hashes in at most ``threads`` threads, with at most ``queue`` callers waiting.

    A caller beyond that is refused with :class:`Overloaded`.
    """

    def __init__(self, cost: HashCost, *, threads: int, queue: int) -> None:
        self._argon2 = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes
        )
        self._places = threading.BoundedSemaphore(threads + queue)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")
        # Made at the present cost, so that an unknown name takes as long as a known one.
        self._nobodys_hash = self._argon2.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """
        The encoded hash of a password that :func:`checked_new_password` has let through.
        """
        return await self._run(lambda: self._argon2.hash(password))

    async def verify(self, password: str, encoded: str | None) -> Verification:
        """
        Check a password. Without a hash to check against it costs the same, and is wrong.
        """
        normal = normalised_password(password)
        return await self._run(lambda: self._verify(normal, encoded))

    def _verify(self, password: str, encoded: str | None) -> Verification:
        try:
            self._argon2.verify(encoded or self._nobodys_hash, password)
        except (VerificationError, InvalidHashError):
            return Verification(is_right=False)
        if encoded is None:
            return Verification(is_right=False)
        stale = self._argon2.check_needs_rehash(encoded)
        return Verification(is_right=True, rehashed=self._argon2.hash(password) if stale else None)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Overloaded("the password check")
        future: Future[T] = self._threads.submit(work)
        # A caller that leaves takes its memory along only when its thread is done.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    async def aclose(self) -> None:
        """
        Let the hashes in progress finish, and end the threads.
        """
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
