"""Braces that were meant as templates, and those that are JSON, LaTeX, CSS and programs."""

from __future__ import annotations

from typing import Any

from fibonacci.definitions import check_definition
from tests.kit.assertions import each_row

INPUTS: dict[str, Any] = {
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}, "grade": {"enum": ["1", "2"]}, "any": {}},
    "required": ["name", "price", "grade", "any"],
}


def found(text: str, **more: Any) -> list[tuple[str, str]]:
    """Return the codes and messages of what is wrong with an instruction beside the node `draft`."""
    nodes = [{"id": "draft", "type": "llm", "instruction": "do"}, {"id": "a", "type": "llm", "instruction": text}]
    problems = check_definition({"nodes": nodes, "input_schema": INPUTS, **more})
    return [(problem.code, problem.message) for problem in problems]


MEANT = "If you mean the characters, put a space between them"


@each_row(
    ("text", "code", "begin", "end"),
    [
        ("Hi {input.name}", "single_braces", "'{input.name}' is plain text. Write '{{input.name}}', in a Python ", ""),
        ("Hi {draft}", "single_braces", "'{draft}' is plain text. Write '{{draft}}', in a Python ", ""),
        ("Hi {name}", "single_braces", "'{name}' is plain text. Write '{{input.name}}', in a Python ", ""),
        ("Hi {mail.name}", "single_braces", "'{mail.name}' is plain text. Write '{{input.name}}', in a Python ", ""),
        ('{"a": {input.name}}', "single_braces", "'{input.name}' is plain text. Write '{{input.name}}', in a ", ""),
        ("Hi {input.name}}", "unclosed_template", "'{input.name}}' is plain text. Write '{{input.name}}'. ", MEANT),
        ("{{input.name}", "unclosed_template", "'{{input.name}' is plain text. Write '{{input.name}}'. ", MEANT),
        ("{{ draft } {", "unclosed_template", "'{{ draft }' is plain text. Write '{{draft}}'. ", MEANT),
        ('{"mail": "{{draft}"}', "unclosed_template", "'{{draft}' is plain text. Write '{{draft}}'. ", MEANT),
        ("{{input.name} {{draft}}", "unclosed_template", "'{{input.name}' is plain text. Write ", MEANT),
        ("Hi {{input.name, bye", "unclosed_template", "'{{' starts no template. Write '{{name}}' or '{{name.field", ""),
        ("Hi input.name }} bye", "unclosed_template", "'input.name }}' is plain text. Write ", MEANT),
        ("{ Hi, input.name }}", "unclosed_template", "'input.name }}' is plain text. Write ", MEANT),
        ("Hi <<input.name>>", "foreign_template", "'<<input.name>>' is plain text. Write '{{input.name}}'. ", MEANT),
        ("Hi <<draft>>", "foreign_template", "'<<draft>>' is plain text. Write '{{draft}}'. ", MEANT),
        ("{%- if input.name %}x", "foreign_template", "'{%- if input.name %}' is plain text, because templates ", ""),
        ("{% for x in draft %}x", "foreign_template", "'{% for x in draft %}' is plain text, because ", ""),
        ("Hi ${{input.name}}", "foreign_template", "the '$' of '${{input.name}}' is plain text before the value. ", ""),
        ("Hi ${{ input.any }}", "foreign_template", "the '$' of '${{ input.any }}' is plain text before the value", ""),
        (
            "${{input.any}}",
            "foreign_template",
            "the '$' of '${{input.any}}' is plain text before the value. Write ",
            "",
        ),
        ("{{#each draft}}", "bad_template", "{{#each draft}} is not a template: expected a name and a dotted path", ""),
        ("{{ }}", "bad_template", "{{ }} is not a template: expected a name and a dotted path", ""),
    ],
)
def test_braces_that_were_meant_as_a_template(text: str, code: str, begin: str, end: str) -> None:
    ((found_code, message),) = found(text)
    assert found_code == code
    assert message.startswith(begin)
    assert message.endswith(end)


@each_row(
    "text",
    [
        '{"a": {"b": "{{input.name}}", "c": [{}]}}',
        '{"a": {{input.price}}}',
        '[{"draft": {"x": {"y": 1}}}]',
        "{draft: {name: string}} as in TypeScript",
        r"\textbf{draft}, \frac{draft}{x_{draft}}, x^{draft}, \mathbf{{draft}_i}, \emph{\textit{draft}}",
        r"\newcommand{\x}{%" "\n  y}",
        "a{color:red} @media print{a{margin:0}}",
        "function f(x) { return { draft } } f(x){draft}",
        "for (i = 0; i < n; i++) { if (a) { b() } }",
        "std::cout << draft >> input.name; 1 << 2; cat <<EOF >>draft",
        "Begin with { and end with }}.",
        "{{{input.name}}} {input} {memory} ${HOME} {0} {}",
        "It costs ${{input.price}}, grade ${{input.grade}}, or ${{input.any}} or ${{memory.price}}.",
        "100{% of it%}, {% comment %} {x %} 5%}",
        "{ input.name } { {input.any } } < <draft>> $ {{input.name}} { % if x %}",
        "<draft> <<x>> <<<draft>>",
    ],
)
def test_braces_of_json_programs_and_documents_are_no_problem(text: str) -> None:
    assert found(text) == []


def test_braces_are_looked_for_wherever_texts_are_templates() -> None:
    nodes = [{"id": "a", "type": "tool", "tool": "t", "params": {"x": ["<<input.name>>"]}}]
    problems = check_definition({"nodes": nodes, "outputs": {"y": "{{a} {"}, "input_schema": INPUTS})
    assert [(each.location, each.code) for each in problems] == [
        ("nodes[0].params.x[0]", "foreign_template"),
        ("outputs.y", "unclosed_template"),
    ]
