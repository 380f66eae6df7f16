"""Suggestions for misspelled names."""

from __future__ import annotations

from fibonacci._texts.suggestions import did_you_mean, missing_attribute, nearest


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("clasify", ["draft", "classify", "class"]) == "classify"
    assert did_you_mean("clasify", ["draft", "classify"]) == ". Did you mean 'classify'?"


def test_nothing_is_suggested_without_a_similar_name() -> None:
    assert nearest("clasify", ["draft", "page"]) is None
    assert did_you_mean("clasify", []) == ""


def test_large_sets_are_not_searched() -> None:
    """Each candidate is compared letter by letter: a definition of 100,000 nodes must not take minutes."""
    names = [f"node-{number}" for number in range(301)]
    assert nearest("node-0", names[:300]) == "node-0"
    assert nearest("node-0", names) is None


def test_a_missing_attribute_names_those_that_exist() -> None:
    class Ticket:
        mail = ""

    assert str(missing_attribute(Ticket(), "mial")) == "Ticket has no attribute 'mial'. Did you mean 'mail'?"
    assert str(missing_attribute(Ticket(), "x")) == "Ticket has no attribute 'x'. It has mail"
    assert "Did you mean 'team'?" in str(missing_attribute(Ticket(), "taem", lambda: ["team", "_hidden"]))
