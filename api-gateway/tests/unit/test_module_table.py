"""
The table of modules: which tables can be kept, and that ours can.
"""

import pytest

from gateway.module_table import MODULES, BrokenModuleTable, Module, check, faults_of


def test_our_table_can_be_kept() -> None:
    """
    The gateway's own table has no fault.
    """
    assert faults_of(MODULES) == []


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        ({}, []),
        ({"a": ()}, []),
        ({"a": ("b", "c"), "b": ("c",), "c": ()}, []),
        ({"a": ("z",)}, ["a depends on z, which is no module"]),
        ({"a": ("a",)}, ["a -> a is a circle"]),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, ["b -> c -> b is a circle"]),
    ],
)
def test_faults_are_named(rows: dict[str, tuple[str, ...]], faults: list[str]) -> None:
    """
    An unknown module and a circle are told with the names they go through.
    """
    table = [Module(name, provides=(), dependencies=others) for name, others in rows.items()]

    assert [sorted(fault.split(" -> ")) for fault in faults_of(table)] == [
        sorted(fault.split(" -> ")) for fault in faults
    ]


def test_a_module_stands_there_once() -> None:
    """
    Two rows of one name would leave open which of them holds.
    """
    assert faults_of([Module("a", ()), Module("a", ("b",))]) == ["a stands there twice"]


def test_a_broken_table_stops_the_start_with_every_fault() -> None:
    """
    One line names all that is wrong.
    """
    table = [Module("a", (), ("z",)), Module("b", (), ("b",))]

    with pytest.raises(BrokenModuleTable) as refused:
        check(table)

    assert str(refused.value) == (
        "module_table: a depends on z, which is no module; b -> b is a circle"
    )
