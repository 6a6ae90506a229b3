"""
What text a service takes from outside. Control characters are refused everywhere:
they hide in logs and break databases.
"""

import unicodedata
from typing import Annotated

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

#: Unicode categories: control characters and lone surrogates.
CONTROL = frozenset({"Cc", "Cs"})


def has_control_characters(text: str) -> bool:
    """
    Whether ``text`` holds what is no text.
    """
    return any(unicodedata.category(character) in CONTROL for character in text)


class _WithoutControlCharacters:
    """
    Refuses them, and says so in the schema.
    """

    #: Lone surrogates cannot be told in a pattern; no JSON that is well-formed holds them.
    PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls._checked, handler(source))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        told = handler(schema)
        told["pattern"] = cls.PATTERN
        return told

    @staticmethod
    def _checked(text: str) -> str:
        if has_control_characters(text):
            raise ValueError("must not hold control characters")
        return text


#: Text at the edge of a service without control characters. A field with a pattern of its own
#: is a plain ``str``.
PlainText = Annotated[str, _WithoutControlCharacters]
