"""Valid definitions made by chance: what they say is sound, so that the checks have nothing to report."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fibonacci.definitions.spellings import to_older

_TEXTS: Final = (
    'Answer in JSON, such as {"urgency": "high", "scores": {"tone": 7}}.',
    "Write CSS: a { color: red } and @media print { p { margin: 0 } }",
    "Explain \\frac{a}{b} and $\\sum_{i=1}^{n} x_i$.",
    "Mend this script: for i in {1..3}; do echo ${HOME}/$i; done",
    "What does `if (a << 2) { return b >> 1; }` do?",
    "Is List<String> or Map<String, List<Integer>> right here?",
    "50 % of { } are empty: [[1, 2], [3, 4]]",
    "Type <b>bold</b> & <i>italic</i>, #hashtags and @names.",
    "Format f'{value:.2f}' and '%s' % name in Python.",
    "A set {1, 2}, a dict {}, a matrix { {1, 2}, {3, 4} }",
    "Ünïcödé, 漢字, and an emoji: 🌊",
    "One line\n\nand another: key: value # no comment",
)
_CRITERIA: Final = ("kind", "short", "names its sources", "100 % correct")


class Value(NamedTuple):
    """What a template can read.

    Attributes:
        template: The template.
        kind: `text`, `number`, `whole`, `truth`, `enumeration`, `list`, `object` or `unknown`.
        values: Those of an enumeration.
    """

    template: str
    kind: str
    values: tuple[str, ...] = ()


def valid_definition(seed: int) -> dict[str, Any]:
    """Return a definition, the same for the same seed."""
    return _Author(random.Random(seed)).definition()


class _Author:
    """Writes one definition. Every node reads only what has a value whenever the node runs.

    Args:
        rng: What decides.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._nodes: list[dict[str, Any]] = []
        self._closed: set[str] = set()  # the ids of the nodes in branches that are complete
        self._asked: list[str] = []  # what the conditionals ask around the branch that is being written
        self._left = rng.randint(2, 25)

    def definition(self) -> dict[str, Any]:
        """Return the definition."""
        rng = self._rng
        schema, inputs = self._object_schema("input")
        always, _ = self._branch(inputs)
        definition: dict[str, Any] = {"name": "Made by chance", "input_schema": schema}
        if rng.random() < 0.3:
            definition |= {"timeout": 600, "version": rng.choice((1, "2.0", 1.5)), "description": "{ } and {a}"}
        if rng.random() < 0.2:
            definition["default_retry"] = {"max_attempts": 3, "delay": 1.5, "backoff": "linear"}
        outputs = {f"output-{index}": value.template for index, value in enumerate(always)}
        definition |= {"nodes": rng.sample(self._nodes, len(self._nodes)), "outputs": outputs}
        if rng.random() < 0.3:
            definition["output_schema"] = {"type": "object", "required": sorted(outputs)[:2]}
        if rng.random() < 0.3:
            definition["nodes"] = [to_older(node) for node in definition["nodes"]]
        return definition

    def _branch(self, outside: Sequence[Value]) -> tuple[list[Value], list[str]]:
        """Add the nodes of a branch, or those that always run.

        Args:
            outside: What can be read from around the branch.

        Returns:
            What the nodes give, and the ids of those that are in no branch within it.
        """
        first, own = len(self._nodes), list[Value]()
        answers: list[Value] = []  # of language models: something has to read them
        for _ in range(self._rng.randint(1, 3 if self._asked else 6)):
            self._left -= 1
            visible = [*outside, *own]
            make = self._rng.choice((self._llm, self._llm, self._llm, self._tool, self._judged, self._rescued))
            given = make(visible)
            answers += given[:1]
            own += given
            operands = [value for value in visible if value.template not in self._asked and value.kind != "unknown"]
            if operands and len(self._asked) < 3 and self._left > 0 and self._rng.random() < 0.4:
                self._conditional(self._rng.choice(operands), [*outside, *own])
        if self._asked:
            params = {"channel": "#all", "message": f"Done: {' '.join(value.template for value in answers)}"}
            self._add("tool", tool="slack_send_message", params=params)
        here = [node["id"] for node in self._nodes[first:] if node["id"] not in self._closed]
        self._closed.update(here)
        return own, here

    def _conditional(self, left: Value, visible: Sequence[Value]) -> None:
        """Add a conditional. What it asks is not asked again within its branches, where the result would be known."""
        comparison = self._comparison(left)
        branches: dict[str, list[str]] = {}
        for key in ("true_branch", "false_branch")[: self._rng.randint(1, 2)]:
            self._asked.append(left.template)
            _, branches[key] = self._branch(visible)
            self._asked.pop()
        self._add("conditional", left_value=left.template, **comparison, **branches)

    def _comparison(self, left: Value) -> dict[str, Any]:
        rng = self._rng
        match left.kind:
            case "enumeration":
                return {"operator": rng.choice(("equals", "not_equals")), "right_value": rng.choice(left.values)}
            case "number" | "whole":
                return {"operator": rng.choice(("greater_than", "less_than")), "right_value": rng.choice((5, 2.5, "7"))}
            case "truth":
                return {"operator": "equals", "right_value": rng.choice((True, False, "true"))}
            case "text":
                operators = ("contains", "not_contains", "starts_with", "ends_with", "equals")
                return {"operator": rng.choice(operators), "right_value": "yes"}
            case _:
                return {"operator": rng.choice(("is_empty", "is_not_empty"))}

    def _add(self, node_type: str, **fields: Any) -> dict[str, Any]:
        node = {"id": f"{node_type}-{len(self._nodes)}", "type": node_type, **fields}
        self._nodes.append(node)
        return node

    def _text(self, visible: Sequence[Value]) -> str:
        rng = self._rng
        parts = [
            rng.choice(_TEXTS),
            *(value.template for value in rng.sample(visible, min(len(visible), rng.randint(0, 3)))),
        ]
        return rng.choice((" ", "\n")).join(rng.sample(parts, len(parts)))

    def _llm(self, visible: Sequence[Value], **fields: Any) -> list[Value]:
        rng = self._rng
        optional: dict[str, Any] = {
            "model": "claude-haiku-4-5",
            "temperature": rng.choice((0, 0.5, 1)),
            "max_tokens": 100,
            "system_prompt": self._text(visible),
            "timeout": 30,
            "memory_read": ["tone", "style.guide"],
            "memory_write": {"last": self._text(visible)},
            "name": "{A name}",
            "output_format": "text",
        }
        fields |= {key: value for key, value in optional.items() if rng.random() < 0.15}
        if rng.random() < 0.2:
            fields |= {"enable_retry": True, "max_retries": 2, "retry_delay": 0.5}
        node = self._add("llm", instruction=self._text(visible), **fields)
        whole = Value(f"{{{{{node['id']}}}}}", "text")
        if "fallback" in fields or rng.random() < 0.5:
            return [whole]
        node.pop("output_format", None)
        node["output_schema"], values = self._object_schema(node["id"])
        return [whole._replace(kind="object"), *values]

    def _judged(self, visible: Sequence[Value]) -> list[Value]:
        given = self._llm(visible)
        target = self._nodes[-1]["id"]
        critic = self._add("critic", target_node=target, criteria=self._rng.sample(_CRITERIA, 2), max_iterations=1)
        if self._rng.random() < 0.5:
            critic |= {"min_score": 8, "improvement_prompt": f"Better: {{{{{target}}}}}", "model": "claude-sonnet-4-5"}
        judge = critic["id"]
        verdict = [Value(f"{{{{{judge}.passed}}}}", "truth"), Value(f"{{{{{judge}.overall_score}}}}", "number")]
        return [*given, *verdict, Value(f"{{{{{judge}.criteria_scores}}}}", "object")]

    def _rescued(self, visible: Sequence[Value]) -> list[Value]:
        other = self._add("llm", instruction=self._rng.choice(_TEXTS))
        if self._rng.random() < 0.5:
            return self._llm(visible, fallback=other["id"])
        other |= {"memory_write": {"failed": "{{input}}"}}
        self._add("tool", tool="web_scrape", params={"url": "https://example.com"}, on_error=other["id"])
        return self._llm(visible)

    def _tool(self, visible: Sequence[Value]) -> list[Value]:
        rng = self._rng
        wholes = [value.template for value in visible if value.kind == "whole"]
        objects = [value.template for value in visible if value.kind == "object"]
        lists = [value.template for value in visible if value.kind == "list"]
        calls: list[tuple[str, dict[str, Any]]] = [
            ("slack.send_message", {"channel": "#a-{1}", "text": self._text(visible)}),
            (
                "gmail_send",
                {"to": "a@example.com", "subject": "Hi", "body": self._text(visible), "cc": "b@example.com"},
            ),
            (
                "http_request",
                {"url": "https://example.com/?q={x}", "headers": {"X-Id": "{{env.ID}}", "A": "{{secrets.A}}"}},
            ),
            ("web_search", {"query": self._text(visible), "limit": rng.choice((*wholes, 3))}),
            ("sql_query", {"query": "SELECT '{}'::jsonb", "parameters": rng.choice((*lists, [1, None, "{{input}}"]))}),
            ("json_transform", {"data": rng.choice((*objects, {"a": {"b": [1]}})), "expression": "$.a.{b}"}),
            (
                "google_sheets_write_range",
                {"spreadsheet_id": "s", "range": "A:B", "values": [[1, self._text(visible)]]},
            ),
            ("memory_set", {"key": "k", "value": rng.choice((*objects, {"n": 1})), "scope": "user", "user_id": "u"}),
            ("wait", {"seconds": rng.choice((*wholes, 0.5))}),
            ("calculator", {"expression": "1 + 1"}),
        ]
        tool, params = rng.choice(calls)
        node = self._add("tool", tool=tool, params=params)
        free = [each["id"] for each in self._nodes[:-1] if each["type"] == "tool" and "condition" not in each]
        if rng.random() < 0.2:
            node["dependencies"] = [each for each in free if each not in self._closed][:1]
        kinds = ("enumeration", "text", "truth")
        operands = [value for value in visible if value.kind in kinds and value.template not in self._asked]
        if operands and rng.random() < 0.2:  # the node may be skipped, so nothing reads it
            left = rng.choice(operands)
            asked = self._comparison(left)
            node["condition"] = {"field": left.template, "operator": asked["operator"], "value": asked["right_value"]}
            return []
        return [Value(f"{{{{{node['id']}}}}}", "unknown"), Value(f"{{{{{node['id']}.params}}}}", "unknown")]

    def _object_schema(self, source: str) -> tuple[dict[str, Any], list[Value]]:
        """Return the JSON Schema of an object, and what templates can read of it."""
        rng = self._rng
        properties: dict[str, Any] = {}
        values: list[Value] = []
        for index, (field, kind) in enumerate(rng.choices(_FIELDS, k=rng.randint(1, 4))):
            name = f"{kind}_{index}"
            properties[name] = dict(field)
            values += _values_of(f"{source}.{name}", field, kind)
        required = list(properties)
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
        if rng.random() < 0.2:
            properties["note"] = {"$ref": "#/$defs/Note"}
            note = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "title": "Note"}
            schema |= {"$defs": {"Note": note}}
            required.append("note")
            values.append(Value(f"{{{{{source}.note.text}}}}", "text"))
        if rng.random() < 0.2:
            properties["unread"] = {"type": ["string", "null"], "default": None}
        if rng.random() < 0.2:
            schema |= {"additionalProperties": False, "title": "Made", "description": "By chance", "$comment": "{{no}}"}
        return schema, values


_ITEM: Final = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_FIELDS: Final[Sequence[tuple[Mapping[str, Any], str]]] = (
    ({"type": "string"}, "text"),
    ({"type": "string", "minLength": 1, "description": "What {it} is", "examples": ["a", "b"]}, "text"),
    ({"type": "string", "format": "date-time"}, "text"),
    ({"enum": ["high", "low", "none"]}, "enumeration"),
    ({"type": "string", "enum": ["yes", "no"], "default": "no"}, "enumeration"),
    ({"type": "number", "minimum": 0, "maximum": 10}, "number"),
    ({"type": "integer", "exclusiveMinimum": 0}, "whole"),
    ({"type": "boolean"}, "truth"),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}, "list"),
    ({"type": "array", "items": _ITEM, "minItems": 1}, "objects"),
    ({"type": "object", "properties": {"inner": {"type": "number"}}, "required": ["inner"]}, "object"),
    ({"type": "object", "additionalProperties": {"type": "string"}, "examples": [{"any": "a"}]}, "open"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "unknown"),
    ({}, "unknown"),
)  # fmt: skip


def _values_of(path: str, schema: Mapping[str, Any], kind: str) -> Iterator[Value]:
    template = f"{{{{{path}}}}}"
    match kind:
        case "enumeration":
            yield Value(template, kind, tuple(schema["enum"]))
        case "list":
            yield Value(template, kind)
            yield Value(f"{{{{{path}.0}}}}", "text")
        case "objects":
            yield Value(template, "list")
            yield Value(f"{{{{{path}.0.a}}}}", "text")
        case "object":
            yield Value(template, kind)
            yield Value(f"{{{{{path}.inner}}}}", "number")
        case "open":
            yield Value(template, "object")
            yield Value(f"{{{{{path}.any}}}}", "unknown")
        case _:
            yield Value(template, kind)
