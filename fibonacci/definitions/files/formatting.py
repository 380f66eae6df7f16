"""Formatting a definition's text: one order of keys, one style, today's words, and the comments of its author."""

from __future__ import annotations

import os
from collections import Counter

from fibonacci._files import write_file
from fibonacci.definitions.files.comments import comments, with_comments
from fibonacci.definitions.files.legacy_dialect import warn_of_words
from fibonacci.definitions.files.load_and_dump import format_of_file, text_of_file
from fibonacci.definitions.files.reading import Format, format_of, read_text
from fibonacci.definitions.files.source import Source
from fibonacci.definitions.files.writing import write_definition
from fibonacci.definitions.files.yaml_reader import read_yaml
from fibonacci.definitions.model.spellings import Generation


def format_definition(
    text: str, *, name: str = "<text>", generation: Generation = "newer", format: Format | None = None
) -> str:
    r"""Return the text of a definition in its normal form, with its comments.

    Keys have the order of `dumps`, and the words of fibonacci-sdk 0.2.4 become today's. The definition need not be
    valid. Formatting a formatted text changes nothing.

    Args:
        text: A definition in YAML or JSON.
        name: The name of the file, for the positions of faults.
        generation: The spelling of the documentation's generation to write, `newer` or `older`.
        format: The format of the text, which it keeps; None for JSON if it begins with `{` or `[`, else YAML.

    Returns:
        The text in its normal form; the same one if it has that form.

    Raises:
        DefinitionError: If the text cannot be read, a field differs in its two spellings, or a
            comment would be lost.
        ImportError: If the text is YAML and PyYAML is not installed; the message has the command that installs it.
        TypeError: If the text is no str.

    Example:
        >>> print(format_definition("nodes:\n  - {type: llm, id: greet, prompt: Hello}  # politely\n"), end="")
        nodes:
        - id: greet  # politely
          type: llm
          instruction: Hello
    """
    source = Source.of(text, name)
    return _formatted(source, format or format_of(text), generation)


def format_file(path: str | os.PathLike[str], *, generation: Generation = "newer") -> bool:
    """Format the definition in a file, as `format_definition` does; the file is written whole or not at all.

    Args:
        path: The file; `.yaml` and `.yml`, or `.json`, decide about the format.
        generation: The spelling of the documentation's generation to write, `newer` or `older`.

    Returns:
        Whether the text changed; if not, the file is not written.

    Raises:
        DefinitionError: If the text cannot be read, a field differs in its two spellings, or a
            comment would be lost. The file then is as it was.
        ImportError: If the file is YAML and PyYAML is not installed; the message has the command that installs it.
        OSError: If the file cannot be read or written.
        ValueError: If the suffix is another one.

    Example:
        ```python
        from pathlib import Path

        from fibonacci.definitions import format_file

        Path("greeter.yaml").write_text("nodes: [{type: llm, id: greet, prompt: Hello}]")
        print(format_file("greeter.yaml"), format_file("greeter.yaml"))  # prints: True False
        ```
    """
    text_format = format_of_file(path)
    text, name = text_of_file(path)
    formatted = _formatted(Source(text, name), text_format, generation)
    if formatted != text:
        write_file(path, formatted)
    return formatted != text


def _formatted(source: Source, text_format: Format, generation: Generation) -> str:
    """Format a text, with warnings for words of fibonacci-sdk 0.2.4."""
    root = read_text(source, text_format)
    source.raise_errors()
    warn_of_words(source)
    text = write_definition(root.plain(), generation=generation, text_format=text_format)
    if text_format == "json":
        return text
    result = with_comments(text, source, root)
    _refuse_loss(source, result, text)
    return result


def _refuse_loss(source: Source, result: str, without_comments: str) -> None:
    """Refuse a result that lacks a comment of the source, or that is another definition because of one."""
    found = Source(result, source.name)
    left = Counter(comment.text for comment in comments(found))
    for comment in comments(source):
        left[comment.text] -= 1
        if comment.text and left[comment.text] < 0:
            source.report(comment.offset, "comment_lost", f"formatting would lose {comment.text!r}; move the comment")
    if read_yaml(found).plain() != read_yaml(Source(without_comments, source.name)).plain():
        source.report(0, "comment_lost", "the comments would change the definition; move or remove them")
    source.raise_errors()
