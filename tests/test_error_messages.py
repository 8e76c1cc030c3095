"""Errors and their tests: each raise has a test that matches its advice, as far as words can tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from source_tree import PACKAGE, python_files, short, tree

# How many error messages no test speaks of, as far as words can tell. This number only ever goes down.
UNTESTED_MESSAGES = 0


def test_every_kind_of_error_that_is_raised_has_a_test_that_matches_its_advice():
    names = {node.name for node in tree(PACKAGE / "errors.py").body if isinstance(node, ast.ClassDef)}
    raised = {
        name
        for path in python_files("src")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        for name in [ast.unparse(node.exc.func).split(".")[-1]]
        if name in names
    }
    assert raised - matched_errors() == set()


def matched_errors() -> set[str]:
    """The exceptions that some ``pytest.raises(..., match=...)`` names."""
    return {
        name.split(".")[-1]
        for path in python_files("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises"
        if any(keyword.arg == "match" for keyword in node.keywords)
        for name in re.findall(r"[\w.]+", ast.unparse(node.args[0]))
    }


def test_error_messages_are_matched_by_tests():
    told = " ".join(
        " ".join(words(text)) for path in python_files("tests") for text in strings(tree(path)) if len(text) > 5
    )
    untested = [place for place, runs in messages() if runs and not any(run in told for run in runs)]
    assert len(untested) <= UNTESTED_MESSAGES, untested


def messages() -> Iterator[tuple[str, list[str]]]:
    """Every place that makes one of our errors, with the runs of three words that its message always holds.

    A message without words of its own is put together of others; those are looked at where they are written.
    """
    names = {node.name for node in tree(PACKAGE / "errors.py").body if isinstance(node, ast.ClassDef)}
    for path in python_files("src"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).split(".")[-1]
            if name not in names - {"MissingExtraError"}:  # whose message is made in one place
                continue
            runs = [" ".join(w[i : i + 3]) for w in map(words, strings(node)) for i in range(max(1, len(w) - 2))]
            yield f"{short(path)}:{node.lineno}", [run for run in runs if " " in run]


def strings(node: ast.AST) -> Iterator[str]:
    """The string constants below a node, those within f-strings too."""
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def words(text: str) -> list[str]:
    """The words of a message or of a pattern for it."""
    return re.findall(r"[\w'-]+", text.replace("\\", ""))


def test_our_errors_are_never_expected_without_their_message():
    bare = [
        f"{short(path)}:{node.lineno}"
        for path in python_files("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises"
        if re.search(r"\b(\w*SqueezeBert|Config|Artifact|Input|Head|MissingExtra)Error\b", ast.unparse(node.args[0]))
        if not any(keyword.arg == "match" for keyword in node.keywords)
    ]
    assert not bare
