"""
The mutants still fit the sources that they change.
"""

import pytest

from tests.chaos.mutants import MUTANTS, Mutant, MutantOutdated, mutated_text


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_changes_the_sources_into_other_sources(name: str) -> None:
    """
    What a mutant takes away is there, once, and what is left is Python.
    """
    compile(mutated_text(MUTANTS[name]), MUTANTS[name].file, "exec")


def test_a_mutant_whose_place_is_gone_says_so() -> None:
    """
    A change that would change nothing is an error, and no green run.
    """
    gone = Mutant("nothing", "tests/chaos/mutants.py", (("this text " + "is not there", ""),))

    with pytest.raises(MutantOutdated):
        mutated_text(gone)
