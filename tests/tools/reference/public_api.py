"""The listing of the public API: one line for each fact that programs, scripts and configurations can depend on."""

from __future__ import annotations

import re
from argparse import SUPPRESS, Action
from collections.abc import Iterator, Mapping
from typing import Final

import griffe

from fibonacci.cli.main import command_parser
from tests.kit.public_api import (
    NOT_MADE,
    constructor,
    default_of,
    is_group,
    public_objects,
    resolved,
    stars_of,
)
from tests.tools.markdown import ROOT
from tests.tools.reference.command_line import commands, listed_options, option, positional
from tests.tools.releases.project import read_extras, read_project

LISTING: Final = ROOT / "docs" / "reference" / "public-api.txt"

_HEADER: Final = """\
# The public API, derived by `tests.tools.reference` from the sources, the parser of the command and pyproject.toml.
# The changelog has to name what is removed or changed here.
#
#   NAME: class(BASES)      a class
#   NAME(PARAMETER)         a parameter of a call or constructor, with `_` for each that precedes it
#   NAME -> TYPE            what a call returns
#   NAME: TYPE = DEFAULT    an attribute, field or constant
#   NAME = OTHER            another name of the same thing
"""
_SYNTAX: Final = re.compile(r"__(?:a?enter|a?exit|a?iter|a?next|await|bool|call|contains|(?:get|set|del)item|len)__")
"""The special methods that the syntax of a program depends on; every object has the others."""
_GROUP: Final = re.compile(r"fibonacci\.(?:Async)?Fibonacci\.")
"""What the names of groups of calls begin with: no program constructs one."""


def listing() -> str:
    """Return the text of the listing."""
    objects = public_objects(ROOT)
    package = objects["fibonacci.Fibonacci"].package
    facts = [*python_facts(objects), *_fixtures(package), *_environment(), *_exit_codes(package)]
    facts += [*_command_line(), *_distribution()]
    return "\n".join([_HEADER, *facts]) + "\n"


def python_facts(objects: Mapping[str, griffe.Object]) -> Iterator[str]:
    """Yield the facts of public objects by their names.

    One with several names has them under the name by which it is defined, or else under the longest.
    """
    homes: dict[str, str] = {}
    for name, found in objects.items():
        if found.path in objects:
            homes[found.path] = found.path
        elif name.count(".") > homes.get(found.path, "").count("."):
            homes[found.path] = name
    for name, found in sorted(objects.items()):
        if homes[found.path] != name:
            yield f"{name} = {homes[found.path]}"
        elif isinstance(found, griffe.Class):
            yield from _class(name, found, homes)
        elif isinstance(found, griffe.Function):
            yield from _function(name, found)
        elif isinstance(found, griffe.Attribute):
            yield _attribute(name, found, with_value=found.annotation is None or str(found.annotation) == "TypeAlias")


def _class(name: str, found: griffe.Class, public: Mapping[str, str]) -> Iterator[str]:
    """Yield the facts of a class and of its members, with those that it has from bases that are not public."""
    bases, init = list(_bases(found, public)), constructor(found)
    yield f"{name}: class({', '.join(dict.fromkeys(bases))})" if bases else f"{name}: class"
    if "NamedTuple" in bases:
        fields = [each for each in found.members.values() if isinstance(each, griffe.Attribute)]
        yield from (f"{name}({'_, ' * place}{_declared(each)})" for place, each in enumerate(fields))
    elif init is not None and found.name not in NOT_MADE and not _GROUP.match(name) and not _is_internal(init):
        yield from _parameters(name, init)
    members = {
        member: each
        for holder in [*(base for base in reversed(found.mro()) if base.path not in public), found]
        for member, each in holder.members.items()
    }
    for member, each in sorted(members.items()):
        target = resolved(each)
        if target is None or not _is_public(member):
            continue
        if isinstance(target, griffe.Function) and not is_group(target):
            yield from _function(f"{name}.{member}", target)
        elif isinstance(target, griffe.Attribute) and "NamedTuple" not in bases:
            yield _attribute(f"{name}.{member}", target, with_value=init is None)


def _is_internal(init: griffe.Function) -> bool:
    """Whether the package alone calls a constructor: it takes something that is private."""
    return any(each.name.startswith("_") for each in init.parameters)


def _bases(found: griffe.Class, public: Mapping[str, str]) -> Iterator[str]:
    """Yield the bases of a class; in place of one that is not public, those of that one."""
    own = {each.path: each for each in found.resolved_bases}
    for base in found.bases:
        path = base if isinstance(base, str) else base.canonical_path
        private = None if path in public else own.get(path)
        yield from _bases(private, public) if isinstance(private, griffe.Class) else [str(base)]


def _is_public(member: str) -> bool:
    return bool(_SYNTAX.fullmatch(member)) or not (member.startswith("_") or member == "model_config")


def _function(name: str, function: griffe.Function) -> Iterator[str]:
    overloads = function.overloads or []
    if isinstance(function.parent, griffe.Class | griffe.Module):
        overloads = overloads or function.parent.overloads.get(function.name, [])
    lines = [line for each in overloads or [function] for line in _call(name, each)]
    yield from dict.fromkeys(lines)


def _call(name: str, function: griffe.Function) -> Iterator[str]:
    awaited = "await " if "async" in function.labels else ""
    yield f"{name} -> {awaited}{function.returns or 'Any'}"
    if not _SYNTAX.fullmatch(function.name) or function.name == "__call__":
        yield from _parameters(name, function)


def _parameters(name: str, function: griffe.Function) -> Iterator[str]:
    """Yield a line for each parameter; one that can be given by position shows how many precede it."""
    is_method = isinstance(function.parent, griffe.Class) and "staticmethod" not in function.labels
    public = [each for each in [*function.parameters][is_method:] if not each.name.startswith("_")]
    for place, each in enumerate(public):
        default = None if stars_of(each) else default_of(each)
        text = f"{stars_of(each)}{each.name}: {each.annotation or 'Any'}" + (f" = {default}" if default else "")
        if each.kind is griffe.ParameterKind.keyword_only:
            yield f"{name}(*, {text})"
        elif stars_of(each):
            yield f"{name}({text})"
        else:
            end = ", /" if each.kind is griffe.ParameterKind.positional_only else ""
            yield f"{name}({'_, ' * place}{text}{end})"


def _attribute(name: str, attribute: griffe.Attribute, *, with_value: bool) -> str:
    return f"{name.rpartition('.')[0]}.{_declared(attribute, with_value=with_value)}"


def _declared(attribute: griffe.Attribute, *, with_value: bool = True) -> str:
    annotation = re.sub(r"^(?:Final|ClassVar)(?:\[(.*)\])?$", r"\1", str(attribute.annotation or ""))
    declared = f"{attribute.name}: {annotation}" if annotation not in ("", "TypeAlias") else attribute.name
    return f"{declared} = {attribute.value}" if with_value and attribute.value is not None else declared


def _fixtures(package: griffe.Module) -> Iterator[str]:
    """Yield the fixtures of the pytest plugin; the other names in it are hooks."""
    plugin = package["testing.plugin"]
    for name, member in plugin.members.items():
        value = str(member.value) if isinstance(member, griffe.Attribute) else ""
        if value.startswith("pytest.fixture("):  # of a function, for one of several scopes
            yield f"pytest fixture {name} -> {plugin[value.rpartition('(')[2].removesuffix(')')].returns}"
        if isinstance(member, griffe.Function) and any("fixture" in str(each.value) for each in member.decorators):
            yield f"pytest fixture {name} -> {member.returns}"


def _environment() -> Iterator[str]:
    """Yield the variables of the page, which a test compares with the sources: some have their names computed."""
    page = (LISTING.parent / "options.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[A-Z][A-Z_]+`[^|]*)\|", page, re.MULTILINE)
    yield from (f"environment variable {name}" for name in sorted({*re.findall(r"`([A-Z_]+)`", " ".join(rows))}))


def _exit_codes(package: griffe.Module) -> Iterator[str]:
    for name, member in package["cli.exit_codes"].members.items():
        if isinstance(member, griffe.Attribute):
            yield f"exit code {member.value} {name}"


def _command_line() -> Iterator[str]:
    """Yield every command with its arguments; those of all commands once."""
    shared = listed_options(command_parser())
    yield from (f"command fibonacci {_argument(each)}" for each in shared)
    names = {each.dest for each in shared}
    for command in sorted(commands(), key=lambda each: each.name):
        yield f"command fibonacci {command.name}"
        own = [each for each in listed_options(command.parser) if each.dest not in names]
        yield from (f"command fibonacci {command.name} {_argument(each)}" for each in own)


def _argument(action: Action) -> str:
    text = option(action) if action.option_strings else positional(action)
    aliases = "".join(f", {each}" for each in action.option_strings[1:])
    # The parser may take a default from the environment; the help says so.
    has_default = action.default not in (None, False, SUPPRESS, []) and "default: that of" not in (action.help or "")
    required = " (required)" if action.option_strings and action.required else ""
    return text + aliases + required + (f" = {action.default}" if has_default else "")


def _distribution() -> Iterator[str]:
    project = read_project()
    yield f"requires python {project['requires-python']}"
    yield from (f"requires {each}" for each in sorted(project["dependencies"]))
    for name, needed in sorted(read_extras().items()):
        yield from (f"extra {name} {each}" for each in sorted(needed))
    yield from (f"script {name} = {target}" for name, target in sorted(project["scripts"].items()))
