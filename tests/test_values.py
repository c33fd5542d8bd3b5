"""Light dataclasses are what the frozen ones are, but for what an assignment does."""

from dataclasses import dataclass, field, replace

import pytest

from lossfix.values import light


@light
@dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: str = "r"


def test_they_are_made_compared_hashed_and_replaced_as_before():
    pair = Pair(1)
    assert pair == Pair(left=1, right="r")
    assert pair != Pair(2)
    assert hash(pair) == hash(Pair(1))
    assert replace(pair, right="s") == Pair(1, "s")
    assert repr(pair) == "Pair(left=1, right='r')"


def test_a_default_that_is_made_anew_is_refused():
    with pytest.raises(TypeError, match="made anew"):

        @light
        @dataclass(frozen=True, slots=True)
        class Listed:
            items: list = field(default_factory=list)
