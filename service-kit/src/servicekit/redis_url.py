"""
What an address of Redis looks like: for settings, which need not load Redis' client to tell.
"""

import re
from urllib.parse import parse_qs, urlsplit

_SCHEMES = frozenset({"redis", "rediss", "unix"})
_OPTIONS = frozenset({"db", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


def valid_url(url: str) -> str:
    """
    ``url`` itself. Otherwise a ValueError of one line, never with a password.
    """
    try:
        address = urlsplit(url)
        options = parse_qs(address.query)
        database = options.get("db", [address.path.strip("/") or "0"])[0]
        port_is_fine = address.port != 0
    except ValueError:
        # `from None`: the message may quote a part of the address, and with it a password.
        raise ValueError("must be an address such as redis://host:6379/0") from None
    if address.scheme not in _SCHEMES or not port_is_fine:
        raise ValueError("must be an address such as redis://host:6379/0")
    if address.scheme == "unix":
        if not address.path.strip("/"):
            raise ValueError("needs the path of a socket: unix:///path/to/redis.sock?db=0")
        database = options.get("db", ["0"])[0]
    elif not address.hostname:
        raise ValueError("needs a host: redis://host:6379/0")
    if not re.fullmatch("[0-9]{1,6}", database):
        raise ValueError("needs the number of a database after the port: redis://host:6379/0")
    unknown = set(options) - _OPTIONS
    if unknown:
        raise ValueError(f"redis takes no option {', '.join(sorted(unknown))}")
    return url
