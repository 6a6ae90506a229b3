"""
What tests of a service compare its errors with.
"""

from pathlib import Path
from types import ModuleType

import pytest

from servicekit import errors
from servicekit.errors import StorefrontError
from servicekit.testing.error_tables import errors_drawn, errors_made, errors_told


class TooLoud(StorefrontError):
    """
    An error of a service's own.
    """

    status = 409
    code = "TOO_LOUD"
    __module__ = "noise.errors"


@pytest.fixture
def home() -> ModuleType:
    """
    A module with an error of its own, and one that it imports.
    """
    module = ModuleType(
        "noise.errors", "::\n\n    StorefrontError\n    └── TooLoud   409  TOO_LOUD\n"
    )
    module.__dict__.update(TooLoud=TooLoud, StorefrontError=StorefrontError)
    return module


def test_errors_are_found_in_code_and_in_both_documents(home: ModuleType, tmp_path: Path) -> None:
    """
    A module's own errors, those of its tree, and those of a README's table; nothing else of either.
    """
    readme = tmp_path / "README.md"
    readme.write_text(
        "| error | status | code |\n|---|---|---|\n| `TooLoud` | 409 | `TOO_LOUD` | shout less |\n"
    )

    expected = {"TooLoud": ("409", "TOO_LOUD")}
    assert errors_made(home) == errors_drawn(home) == errors_told(readme) == expected


def test_errors_of_several_modules_are_one_table(home: ModuleType) -> None:
    """
    A service may have its errors in several places, the kit's own among them.
    """
    assert errors_made(home, errors) == {**errors_made(errors), "TooLoud": ("409", "TOO_LOUD")}
    assert errors_drawn(errors, home).keys() > {"TooLoud", "NotFound"}
