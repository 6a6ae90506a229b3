"""
``docs/operations.md`` names nothing that the code does not tell.
"""

import re
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")
#: What is written alike, and is a file, a module, or a field of an answer.
_NO_EVENTS: Final = {
    "api_gateway_sagas.db",
    "attention.step",
    "attention.why",
    "details.parts",
    "details.upstreams",
    "ingress.yaml",
    "servicekit.http.errors",
    "servicekit.migrations.compatibility",
    "settings.env",
    "tls.crt",
    "tls.key",
}


def test_every_event_that_the_document_names_is_told() -> None:
    """
    Whoever looks for an event in the log, or for a fact of a span, can find it.
    """
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(_NAME.findall(text)) - _NO_EVENTS
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("*-*/src/**/*.py"))
    # As f"breaker.{state}": it is enough that the first word is told so.
    made = set(re.findall(r'f"([a-z_]+)\.\{', sources))

    untold = {
        name for name in named if f'"{name}"' not in sources and name.partition(".")[0] not in made
    }

    assert len(named) >= 50
    assert untold == set()
