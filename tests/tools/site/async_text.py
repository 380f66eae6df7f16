"""Derive the async text of a page's Python blocks from their sync text.

The pages hold sync code alone. This follows the types of what they make calls on, block by block, and edits the text
at the places where the async half of the package differs, so that comments and lines that stay the same stay as they
are. What is not certain, such as a call within a lambda or a client that is passed to another package, is refused, and
the block has no async text.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import indent
from typing import Final, TypeAlias

import griffe

from tests.tools.markdown import Block
from tests.tools.site.async_types import (
    AsyncFunction,
    ClassName,
    InstanceType,
    Method,
    Pairs,
    SyncOnly,
    Type,
)

OF_ONE_HALF: Final = {"clock", "http_client", "transport"}
"""The arguments of a client whose objects are sync or async themselves."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_ASYNC: Final = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
_IMPORTS: Final = (ast.Import, ast.ImportFrom)
_TESTS: Final = re.compile(r"^ *(?:async )?def test_", re.MULTILINE)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Uncertain(Exception):
    """Something has no async text that is surely right; the text says what."""


@dataclass(frozen=True)
class Derived:
    """What a block is for a reader who wants async code."""

    code: str | None
    """Its async text; None if it has none."""

    shared: str
    """Without an async text, the part of its text that holds for both readers; empty if it has an async text."""

    refused: str = ""
    """Why it has no async text although it makes calls."""


@dataclass
class PageHalves:
    """The blocks of one page, in their order: what one imports and makes, the next ones use."""

    pairs: Pairs
    known: dict[str, Type] = field(default_factory=dict[str, Type])
    imported: set[str] = field(default_factory=set[str])
    """The async classes that an async text before has imported."""

    unknown: set[str] = field(default_factory=set[str])
    """The names that a block before has read and not bound."""

    def derive(self, block: Block) -> Derived:
        """Return what a block is for a reader of the async text."""
        if block.language != "python" or block.not_run == "is of fibonacci-sdk 0.2.4":
            return Derived(None, "")
        tree = ast.parse(block.code)
        if any(isinstance(node, _ASYNC) for node in ast.walk(tree)) or "AsyncFibonacci" in block.code:
            return self._already_async(block.code, tree)
        before = dict(self.known)
        try:
            if block.is_sync_only:
                raise Uncertain("the page says so")
            code = self._async_code(block, tree)
        except Uncertain as reason:
            self.known = before
            return Derived(None, self._shared(block.code, tree), str(reason))
        return Derived(code, "" if code else block.code)

    def _async_code(self, block: Block, tree: ast.Module) -> str | None:
        """Return the async text of a block; None if it is the same as the sync one."""
        before = dict(self.known)
        halves = _Halves(block.code, self.pairs, self.known, unknown=self.unknown)
        halves.statements(tree.body)
        if not halves.edits:
            return None
        if _TESTS.search(block.code):
            raise Uncertain("tests, which a plugin runs")
        missing = {each for each in halves.used if each[1] not in self.imported | halves.imported}
        self.imported |= halves.imported | {name for _, name in missing}
        imports = "".join(f"from {module} import {name}\n" for module, name in sorted(missing))
        code = halves.text()
        # Without imports of its own, a block begins with its code.
        separator = "" if not imports or isinstance(tree.body[0], _IMPORTS) else "\n"
        code = imports + separator + code
        if not block.saved_as:
            return code
        program = as_program(code)
        names = {name for node in tree.body if not isinstance(node, _IMPORTS) for name in _bound(node)}
        self.known = before | dict.fromkeys(names, SyncOnly())
        return program

    def _already_async(self, code: str, tree: ast.Module) -> Derived:
        """Note what a block binds that has async code itself: its objects are what they are in both halves."""
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                self.imported |= {each.name for each in node.names}
        halves = _Halves(code, self.pairs, {})
        for name in {name for node in tree.body for name in _bound(node)}:
            self.known[name] = None
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                halves.statement(node)
        self.known |= halves.known
        return Derived(None, code)

    def _shared(self, code: str, tree: ast.Module) -> str:
        """Return the statements of a refused block that hold for both readers, and note what the others bind."""
        shared: list[str] = []
        for node in tree.body:
            halves = _Halves(code, self.pairs, self.known)
            is_import = isinstance(node, _IMPORTS)
            before = dict(self.known)
            try:
                halves.statement(node)
                certain = is_import or not halves.edits
            except Uncertain:
                certain = False
            if certain:
                shared.append(ast.get_source_segment(code, node) or "")
                continue
            self.known.clear()
            self.known |= before | {name: SyncOnly() for name in _bound(node)}
        return "\n".join(shared)


def awaits_at_the_top(code: str) -> bool:
    """Whether a text awaits outside of functions, as only notebooks can."""
    compiled = compile(code, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return bool(compiled.co_flags & inspect.CO_COROUTINE)


def as_program(code: str) -> str:
    """Return a text that awaits at the top as a program, all of whose code but the imports is in a `main`.

    Args:
        code: The text. It begins with imports, maybe below the comment that names its file.

    Raises:
        Uncertain: If it does not await at the top, or has texts of several lines, which cannot be indented.
    """
    body = [node for node in ast.parse(code).body if not isinstance(node, _IMPORTS)]
    lines = code.splitlines()
    first = body[0].lineno - 1
    strings = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant | ast.JoinedStr)]
    if not awaits_at_the_top(code) or any(node.lineno != node.end_lineno for node in strings):
        raise Uncertain("a file that is no program, or has texts of several lines")
    if any(isinstance(node, _IMPORTS) and node.lineno > first for node in ast.parse(code).body):
        raise Uncertain("a file with imports below its code")
    while first and lines[first - 1].startswith("#"):
        first -= 1
    head = "\n".join(lines[:first]).rstrip().replace("\nfrom fibonacci", "\nimport asyncio\n\nfrom fibonacci", 1)
    main = indent("\n".join(lines[first:]), "    ")
    return f"{head}\n\n\nasync def main() -> None:\n{main}\n\n\nasyncio.run(main())\n"


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
        return
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.alias):
            yield (each.asname or each.name).partition(".")[0]


@dataclass
class _Halves:
    """The edits that make a block's text async."""

    code: str
    pairs: Pairs
    known: dict[str, Type]
    edits: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    awaits: int = 0
    used: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """The async classes in its text, each with the module that it is imported from."""

    imported: set[str] = field(default_factory=set[str])
    unknown: set[str] = field(default_factory=set[str])
    """The names that were read before anything was bound to them."""

    _parents: dict[ast.AST, ast.AST] = field(default_factory=dict[ast.AST, ast.AST])
    _lines: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        self._lines = [0, *(found.end() for found in re.finditer("\n", self.code))]

    # --- The text

    def text(self) -> str:
        """Return the text with the edits; of insertions at one place, a later one belongs to what is around."""
        for comment in re.finditer(r"# (?!prints: ).*", self.code):
            for found in re.finditer(r"\bFibonacci\(", comment[0]):
                place = comment.start() + found.start()
                self._insert(place, "Async")
        ordered = sorted(enumerate(self.edits), key=lambda each: (each[1][0], -each[0]))
        done, position = "", 0
        for _, (start, end, text) in ordered:
            done += self.code[position:start] + text
            position = max(position, end)
        return done + self.code[position:]

    def _place(self, line: int, column: int) -> int:
        start = self._lines[line - 1]
        line_text = self.code[start:].partition("\n")[0]
        return start + len(line_text.encode()[:column].decode())

    def _start(self, node: ast.expr | ast.stmt | ast.alias) -> int:
        return self._place(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt | ast.alias) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._place(node.end_lineno, node.end_col_offset)

    def _insert(self, place: int, text: str) -> None:
        self.edits.append((place, place, text))

    def _await(self, node: ast.expr) -> None:
        parent = self._parents.get(node)
        is_inner = isinstance(parent, ast.Attribute | ast.Subscript | ast.Call) and (
            getattr(parent, "value", None) is node or getattr(parent, "func", None) is node
        )
        is_inner |= isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.left is node
        self._insert(self._start(node), "(await " if is_inner else "await ")
        if is_inner:
            self._insert(self._end(node), ")")
        self.awaits += 1

    # --- Statements

    def statements(self, nodes: list[ast.stmt]) -> None:
        """Follow statements in their order."""
        for node in nodes:
            self.statement(node)

    def statement(self, node: ast.stmt) -> None:
        """Follow one statement."""
        self._parents |= {child: each for each in ast.walk(node) for child in ast.iter_child_nodes(each)}
        match node:
            case ast.ImportFrom():
                self._import(node)
            case ast.Import():
                self.known |= dict.fromkeys(_bound(node))
            case ast.Assign():
                self._assign(node)
            case ast.AnnAssign():
                self._annotated(node)
            case ast.For():
                self._for(node)
            case ast.With():
                self._with(node)
            case ast.FunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Expr():
                self._result(node.value)
            case _:
                self._within(node)

    def _parts(self, node: ast.AST) -> None:
        """Follow what is neither a statement nor passed on, such as the handlers of a `try`."""
        if isinstance(node, ast.expr):
            self._passed(node)
            return
        if isinstance(node, ast.ExceptHandler) and node.name:
            self.known[node.name] = None
        self._within(node)

    def _within(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child)
            else:
                self._parts(child)

    def _import(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        names: set[str] = set()
        for each in node.names:
            found = self.pairs.imported(module, each.name) if module.partition(".")[0] == "fibonacci" else None
            self.known[each.asname or each.name] = found
            if self.pairs.is_paired(found) and not each.asname:
                names.add(self._async_name(found))
            else:
                names.add(each.name if not each.asname else f"{each.name} as {each.asname}")
        written = {each.name for each in node.names if not each.asname}
        renamed = names - written - {f"{each.name} as {each.asname}" for each in node.names}
        if renamed:
            self.edits.append((self._start(node), self._end(node), f"from {module} import {', '.join(sorted(names))}"))
        self.imported |= names

    def _async_name(self, found: Type) -> str:
        assert isinstance(found, ClassName)
        counterpart = self.pairs.async_class(found.of)
        assert counterpart is not None
        return counterpart.name

    def _assign(self, node: ast.Assign) -> None:
        value = self._result(node.value)
        for target in node.targets:
            self._bind(target, value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        declared = self._annotation(node.annotation)
        value = self._result(node.value) if node.value is not None else declared
        if self.pairs.is_paired(value) and not self.pairs.is_paired(declared):
            raise Uncertain(f"the annotation {ast.unparse(node.annotation)} of a client")
        self._bind(node.target, value if value is not None else declared)

    def _bind(self, target: ast.expr, value: Type) -> None:
        is_call = isinstance(value, Method | AsyncFunction)
        if isinstance(target, ast.Name) and not is_call:
            self.known[target.id] = value
            return
        if self.pairs.is_paired(value):
            raise Uncertain(f"what is assigned to {ast.unparse(target)}")
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self.known[each.id] = None
        if not isinstance(target, ast.Tuple | ast.List):
            self._parts(target)

    def _for(self, node: ast.For) -> None:
        if self._iterated(node.iter):
            self._insert(self._start(node), "async ")
            self.awaits += 1
        self._bind(node.target, None)
        self.statements([*node.body, *node.orelse])

    def _iterated(self, node: ast.expr) -> bool:
        """Follow what is iterated; return whether it takes `async for`."""
        value = self._result(node)
        if self.pairs.is_iterated(value):
            return True
        if self.pairs.is_paired(value):
            raise Uncertain(f"the iteration over {ast.unparse(node)}")
        return False

    def _with(self, node: ast.With) -> None:
        managers = [self._result(item.context_expr) for item in node.items]
        entered = [self.pairs.is_entered(each) for each in managers]
        if any(entered):
            if not all(entered):
                raise Uncertain("sync and async managers in one `with`")
            self._insert(self._start(node), "async ")
            self.awaits += 1
        for item, manager in zip(node.items, managers, strict=True):
            if item.optional_vars is not None:
                value = self.pairs.entered(manager) if isinstance(manager, InstanceType) else None
                self._bind(item.optional_vars, value)
        self.statements(node.body)

    def _function(self, node: ast.FunctionDef) -> None:
        for each in node.decorator_list:
            self._passed(each)
        arguments = node.args
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self._passed(default)
        outer, awaits, edits = self.known, self.awaits, len(self.edits)
        self.known = dict(outer)
        self.known[node.name] = None
        for argument in (each for each in ast.walk(arguments) if isinstance(each, ast.arg)):
            self.known[argument.arg] = None if argument.annotation is None else self._annotation(argument.annotation)
        returned = None if node.returns is None else self._annotation(node.returns)
        if self.pairs.is_paired(returned):
            raise Uncertain(f"what {node.name} returns")
        self.statements(node.body)
        self.known = outer
        is_async = self.awaits > awaits
        if is_async and (node.decorator_list or any(isinstance(each, ast.Yield) for each in ast.walk(node))):
            raise Uncertain(f"the function {node.name}, which is decorated or yields")
        # What reads the name before this line has taken the function for one that is not async.
        inner = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        if is_async and node.name in self.unknown | inner:
            raise Uncertain(f"the function {node.name}, which is called before its end")
        if is_async:
            self._insert(self._start(node), "async ")
        self.awaits = awaits
        known = AsyncFunction() if is_async else None
        if not is_async and len(self.edits) > edits:
            raise Uncertain(f"the function {node.name}, which has a client and makes no call")
        self.known[node.name] = known

    def _class(self, node: ast.ClassDef) -> None:
        edits, outer = len(self.edits), self.known
        self.known = dict(outer)
        for each in (*node.bases, *node.decorator_list, *(keyword.value for keyword in node.keywords)):
            self._passed(each)
        self.statements(node.body)
        self.known = outer
        if len(self.edits) > edits:
            raise Uncertain(f"the class {node.name}, which makes calls")
        self.known[node.name] = None

    def _annotation(self, node: ast.expr) -> Type:
        """Follow an annotation; return what it says of the value."""
        found: Type = None
        for each in ast.walk(node):
            named = self.known.get(each.id) if isinstance(each, ast.Name) else None
            if isinstance(named, SyncOnly):
                raise Uncertain(f"the annotation {ast.unparse(node)}")
            if isinstance(named, ClassName) and isinstance(each, ast.Name):
                found = InstanceType(named.of)
                if self.pairs.is_paired(named):
                    self._rename_class(each, named)
        return found

    def _rename_class(self, node: ast.Name, named: ClassName) -> None:
        name = self._async_name(named)
        if node.id not in {named.of.name}:
            raise Uncertain(f"{node.id}, which is another name of {named.of.name}")
        self.used.add((named.module, name))
        self.edits.append((self._start(node), self._end(node), name))

    # --- Expressions

    def _passed(self, node: ast.expr) -> None:
        """Follow an expression whose value goes where this does not see it."""
        if self.pairs.is_paired(self._result(node)):
            raise Uncertain(f"{ast.unparse(node)}, which is passed on")

    def _result(self, node: ast.expr) -> Type:
        """Follow an expression; return what is known of its value."""
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, _COMPREHENSIONS):
            self._comprehension(node)
        elif isinstance(node, ast.Lambda | ast.JoinedStr):
            edits, outer = len(self.edits), self.known
            if isinstance(node, ast.Lambda):
                self.known = outer | {each.arg: None for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            self._children(node)
            self.known = outer
            if len(self.edits) > edits:
                raise Uncertain(f"a call within {ast.unparse(node)}")
        elif isinstance(node, ast.NamedExpr):
            self._passed(node.value)
            self._bind(node.target, None)
        else:
            self._children(node)
        return None

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._passed(child)
            else:
                self._children(child)

    def _name(self, node: ast.Name) -> Type:
        value = self.known.get(node.id)
        if node.id not in self.known:
            self.unknown.add(node.id)
        if isinstance(value, SyncOnly):
            raise Uncertain(f"{node.id}, which an earlier block has in sync form alone")
        return value

    def _attribute(self, node: ast.Attribute) -> Type:
        owner = self._result(node.value)
        if isinstance(owner, InstanceType):
            return self.pairs.attribute(owner, node.attr)
        if self.pairs.is_paired(owner):
            raise Uncertain(ast.unparse(node))
        return None

    def _call(self, node: ast.Call) -> Type:
        called = self._result(node.func)
        if isinstance(called, ClassName):
            return self._construction(node, called)
        if isinstance(called, Method):
            return self._method(node, called)
        if isinstance(called, AsyncFunction):
            self._arguments(node, may_be_paired=True)
            self._await(node)
            return None
        if self.pairs.is_paired(called):
            raise Uncertain(ast.unparse(node))
        if isinstance(node.func, ast.Name) and node.func.id == "list" and len(node.args) == 1:
            return self._list(node)
        self._arguments(node)
        return None

    def _construction(self, node: ast.Call, called: ClassName) -> Type:
        if self.pairs.is_paired(called):
            given = [each.arg for each in node.keywords if not isinstance(each.value, ast.Constant)]
            if strict := OF_ONE_HALF.intersection(filter(None, given)):
                raise Uncertain(f"the argument {min(strict)}")
            if not isinstance(node.func, ast.Name):
                raise Uncertain(ast.unparse(node.func))
            self._rename_class(node.func, called)
        self._arguments(node)
        return InstanceType(called.of)

    def _method(self, node: ast.Call, called: Method) -> Type:
        result = self.pairs.result(called)
        assert isinstance(node.func, ast.Attribute)
        name, end = called.function.name, self._end(node.func)
        if not self.pairs.is_paired(called):
            self._arguments(node)
            if self.pairs.is_paired(result):
                if f"async_{name}" not in called.owner.of.all_members:
                    raise Uncertain(ast.unparse(node))
                self.edits.append((end - len(name), end, f"async_{name}"))
            return result
        counterpart = self.pairs.async_member(called.owner.of, name)
        if not isinstance(counterpart, griffe.Function):
            raise Uncertain(ast.unparse(node))
        if counterpart.name != name:
            self.edits.append((end - len(name), end, counterpart.name))
        self._arguments(node)
        if "async" in counterpart.labels:
            self._await(node)
        return result

    def _arguments(self, node: ast.Call, *, may_be_paired: bool = False) -> None:
        given = [(None, each) for each in node.args] + [(each.arg, each.value) for each in node.keywords]
        for name, value in given:
            if may_be_paired:
                self._result(value)
            elif name == "tools" and self._is_client(value):
                # A check lists the tools of a sync client itself.
                self._insert(self._start(value), "[tool async for tool in ")
                self._insert(self._end(value), ".tools.list()]")
                self.awaits += 1
            else:
                self._passed(value)

    def _is_client(self, node: ast.expr) -> bool:
        value = self._result(node) if isinstance(node, ast.Name) else None
        return isinstance(value, InstanceType) and value.of.name == "Fibonacci"

    def _list(self, node: ast.Call) -> Type:
        """Follow `list(...)`, which has no async form but a comprehension."""
        if self._iterated(node.args[0]):
            self.edits.append((self._start(node), self._start(node.args[0]), "[item async for item in "))
            self.edits.append((self._end(node.args[0]), self._end(node), "]"))
            self.awaits += 1
        return None

    def _comprehension(self, node: _Comprehension) -> None:
        outer, awaits = self.known, self.awaits
        self.known = dict(outer)
        for each in node.generators:
            if self._iterated(each.iter):
                start = self.code.rindex("for", 0, self._start(each.target))
                self._insert(start, "async ")
                self.awaits += 1
            self._bind(each.target, None)
            for condition in each.ifs:
                self._passed(condition)
        for value in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self._passed(value)
        self.known = outer
        if isinstance(node, ast.GeneratorExp) and self.awaits > awaits:
            self._as_list(node)

    def _as_list(self, node: ast.GeneratorExp) -> None:
        """Write a generator as a list: one that awaits cannot be unpacked, summed or joined."""
        start, end = self._start(node), self._end(node)
        parent = self._parents.get(node)
        # The parentheses of a call that has no other argument are those of the generator too.
        if isinstance(parent, ast.Call) and len(parent.args) == 1 and not parent.keywords and end == self._end(parent):
            self._insert(start + 1, "[")
            self._insert(end - 1, "]")
        else:
            self.edits.append((start, start + 1, "["))
            self.edits.append((end - 1, end, "]"))
