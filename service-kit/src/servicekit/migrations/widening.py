"""
Which types of columns take all that others took.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import Enum, Float, Numeric, String
from sqlalchemy.types import BigInteger, Integer, SmallInteger, TypeEngine


def takes_all_of(old: TypeEngine[Any], new: TypeEngine[Any]) -> bool:
    """
    Whether whatever was written to ``old`` can be written to ``new``, and is read as the same kind.

    What is not known to be wider is not.
    """
    match old, new:
        case Enum(), Enum():
            return set(old.enums) <= set(new.enums)
        case String(), String():
            is_enum = isinstance(old, Enum) or isinstance(new, Enum)
            return not is_enum and _fits(old.length, new.length)
        case Integer(), Integer():
            return _bytes(old) <= _bytes(new)
        case Float(), Float():
            return _fits(old.precision, new.precision)
        case Numeric(), Numeric():
            return not isinstance(new, Float) and _digits_fit(old, new)
        case _:
            return repr(old) == repr(new)


def _fits(old: int | None, new: int | None) -> bool:
    return new is None or (old is not None and old <= new)


def _bytes(type_: Integer) -> int:
    match type_:
        case SmallInteger():
            return 2
        case BigInteger():
            return 8
        case _:
            return 4


def _digits_fit(old: Numeric[Decimal], new: Numeric[Decimal]) -> bool:
    if new.precision is None:
        return True
    if old.precision is None:
        return False
    old_scale, new_scale = old.scale or 0, new.scale or 0
    return old_scale <= new_scale and old.precision - old_scale <= new.precision - new_scale
