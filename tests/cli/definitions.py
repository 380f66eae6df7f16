"""Definitions in files, and a platform for the commands that compare the two."""

from __future__ import annotations

from pathlib import Path

GREETER = """\
nodes:
- id: greet
  type: llm
  instruction: Greet {{input.name}}
"""
UNFORMATTED = """\
# Says hello
nodes:
  - {id: greet, type: llm, prompt: Hello}  # politely
"""
FORMATTED = """\
# Says hello
nodes:
- id: greet  # politely
  type: llm
  instruction: Hello
"""
FAULTY = """\
name: 7
nodes:
- id: greet
  type: llm
  instruction: Hi
  temprature: 0.2
  dependencies: [ask]
"""
FAULTS = """\
bad.yaml:1:7: error: should be a string, not a number. Write it in quotes: "7" [wrong_type]
    1 | name: 7
      |       ^
bad.yaml:6:3: warning: 'temprature' is not a key of a node of type llm. Did you mean 'temperature'? [unknown_key]
    6 |   temprature: 0.2
      |   ^
bad.yaml:7:18: error: depends on 'ask', which is not a node [unknown_dependency]
    7 |   dependencies: [ask]
      |                  ^
"""
OLD_WORDS = """\
nodes:
- id: post
  type: tool
  tool_name: slack_send_message
"""


def write(file: str, text: str) -> Path:
    """Write a file of the current folder, and the folder that it is in."""
    path = Path(file)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path
