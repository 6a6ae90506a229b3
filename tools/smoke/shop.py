"""
A shop as its shoppers see it: an address that is asked, and answers that are looked at closely.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlencode, urlsplit

_JSON: Final = {"Content-Type": "application/json"}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Wrong(Exception):
    """
    The shop did not do what a shopper may expect; the message says what it did instead.
    """


class NotSent(Wrong):
    """
    Nobody was there to take a request: nothing can have come of it.
    """


class NoShop(Exception):
    """
    There is nothing to be tried: the message says what to change.
    """


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One request and what came: ``status`` 0 where nothing did.
    """

    method: str
    path: str
    status: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An answer, with its header names in small letters and its body as it came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def facts(self, *expected: int) -> "Facts":
        """
        What the answer says; raises Wrong where its status is none of those expected, or it is no JSON.
        """
        if self.status not in expected:
            wanted = " or ".join(map(str, expected))
            raise Wrong(f"{self.status} instead of {wanted}{self._said()}")
        try:
            return Facts(json.loads(self.body))
        except ValueError:
            raise Wrong(f"{self.status} with a body that is no JSON") from None

    def _said(self) -> str:
        try:
            told = Facts(json.loads(self.body))
            error = told.part("error")
            return f": {error.text('code')}, {error.text('message')}"
        except (ValueError, Wrong):
            return ""


@dataclass(frozen=True, slots=True)
class Facts:
    """
    A JSON object, of which a part that is missing or of another kind is Wrong.
    """

    value: object

    def text(self, name: str) -> str:
        """
        A text of it.
        """
        found = self._of(name)
        if not isinstance(found, str):
            raise Wrong(f"{name} is no text but {_shown(found)}")
        return found

    def number(self, name: str) -> int:
        """
        A whole number of it.
        """
        found = self._of(name)
        if not isinstance(found, int) or isinstance(found, bool):
            raise Wrong(f"{name} is no whole number but {_shown(found)}")
        return found

    def part(self, name: str) -> "Facts":
        """
        An object in it.
        """
        found = self._of(name)
        if not isinstance(found, dict):
            raise Wrong(f"{name} is no object but {_shown(found)}")
        return Facts(found)

    def parts(self, name: str) -> list["Facts"]:
        """
        A list of objects in it.
        """
        found = self._of(name)
        if not isinstance(found, list):
            raise Wrong(f"{name} is no list but {_shown(found)}")
        return [Facts(one) for one in found]

    def expect(self, name: str, value: object) -> None:
        """
        Raises Wrong where it has another value.
        """
        found = self._of(name)
        if found != value or type(found) is not type(value):
            raise Wrong(f"{name} is {_shown(found)} instead of {_shown(value)}")

    def _of(self, name: str) -> object:
        if not isinstance(self.value, dict) or name not in self.value:
            raise Wrong(f"{name} is missing")
        return self.value[name]


def _shown(value: object) -> str:
    return json.dumps(value)[:200]


@dataclass(slots=True)
class Shop:
    """
    The shop at ``url``, such as ``http://127.0.0.1:8000``. ``asked`` keeps the newest requests.

    Each request has a connection of its own: a proxy of the environment is not asked, and a service
    that has just been replaced is not missed because an old connection led to it.
    """

    url: str
    answer_within_s: float = 20.0
    prefix: str = "/api/v1"
    token: str | None = None
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise NoShop(f"{self.url} is no address such as http://127.0.0.1:8000")

    def get(self, path: str) -> Answer:
        """
        Asks for what is at the path below the API.
        """
        return self._ask("GET", path, {}, None)

    def post(self, path: str, told: object = None, headers: Mapping[str, str] = _JSON) -> Answer:
        """
        Sends ``told`` as JSON.
        """
        body = None if told is None else json.dumps(told).encode()
        return self._ask("POST", path, {**_JSON, **headers}, body)

    def sign_in(self, user_name: str, password: str) -> None:
        """
        From now on the shopper is this one.
        """
        form = {"grant_type": "password", "username": user_name, "password": password}
        answer = self._ask("POST", "/auth/token", _FORM, urlencode(form).encode())
        self.token = answer.facts(200).text("access_token")

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        started_at = time.monotonic()
        status = 0
        try:
            answer = self._exchange(method, path, headers, body)
            status = answer.status
        except (OSError, HTTPException) as problem:
            raise Wrong(f"no answer: {str(problem) or type(problem).__name__}") from None
        finally:
            took_s = time.monotonic() - started_at
            self.asked.append(Asked(method, f"{self.prefix}{path}", status, took_s))
        return answer

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=self.answer_within_s)
        signed = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        target = f"{parts.path.rstrip('/')}{self.prefix}{path}"
        try:
            _connect(connection)
            connection.request(method, target, body, {**headers, **signed})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


def _connect(connection: HTTPConnection) -> None:
    try:
        connection.connect()
    except OSError as problem:
        raise NotSent(f"no answer: {problem}") from None
