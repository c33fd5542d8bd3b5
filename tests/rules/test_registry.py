"""Rules come from entry points and are chosen by code, prefix or name."""

from importlib.metadata import entry_points

import pytest

from lossfix.errors import RuleError
from lossfix.rules.packs import GROUP, packs
from lossfix.rules.registry import all_rules, named, selected


def test_the_packs_are_those_that_importlib_metadata_sees():
    assert dict(packs()) == {entry.name: entry.value for entry in entry_points(group=GROUP)}


def test_selection_by_code_prefix_and_name():
    assert [r.code for r in selected(["LF102"])] == ["LF102"]
    assert {r.code[:3] for r in selected(["LF2"])} == {"LF2"}
    assert [r.code for r in selected(["safe-norm"])] == ["LF140"]
    assert "LF140" not in {r.code for r in selected(ignore=["LF14"])}


def test_an_unknown_name_is_an_error():
    with pytest.raises(RuleError, match="lossfix rules"):
        named("nonsense", all_rules())


def test_codes_and_names_are_unique():
    rules = all_rules()
    assert len({r.code for r in rules}) == len({r.name for r in rules}) == len(rules)
