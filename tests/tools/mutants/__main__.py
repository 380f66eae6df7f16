"""Change the source of the emulator in small ways, serve each, and count how many the contract suite detects.

python -m tests.tools.mutants                           300 mutants, chosen by seed 1
python -m tests.tools.mutants --seed 2 --size 60        another sample

It lists the survivors, and exits with 1 when fewer than 90 % are detected. What no HTTP client can see is left out, by
the rules below.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Final

from tests.tools.mutants.grading import Grade, grades
from tests.tools.mutants.operators import ChangeName, DropEntry, RemoveStatement
from tests.tools.mutation.mutants import ROOT, SourceMutant, in_order

EMULATOR: Final = "fibonacci/emulator/"
FOLDERS: Final = ("routes", "engine", "policy")
REQUIRED: Final = 0.9
_BATCH: Final = 20

PLACES: Final[Mapping[str, Sequence[str]]] = {
    "Answers that a test programs in Python: handlers, scripts and cassettes. No request sets them": (
        *("engine/user_handlers.py:*", "engine/scripts.py:*", "engine/cassettes.py:*"),
        *(
            "engine/execution.py:*.complete_call",
            "engine/execution.py:*._apply_outcome",
            "engine/execution.py:_add_usage",
        ),
        *("engine/execution.py:*.calls", "engine/node_states.py:calls_of", "engine/node_states.py:NodeStates.call"),
        *("engine/node_executor.py:*.result_of", "engine/node_executor.py:*._answered"),
        *("engine/node_executor.py:*._scripted", "engine/node_executor.py:*._call"),
        *("engine/node_executor.py:*._parsed", "engine/node_executor.py:_json_in"),
        *("engine/node_executor.py:_verdict", "engine/node_executor.py:_is_score"),
        *("engine/node_executor.py:HandlerCall", "engine/scheduler.py:Scheduler.wait_for"),
        "engine/scheduler.py:Scheduler._seconds_to_event",
        *("engine/scheduler.py:Scheduler._calls", "engine/scheduler.py:Scheduler._is_a_handler_working"),
        *("engine/scheduler.py:Scheduler._report", "engine/scheduler.py:Scheduler._take_report"),
        *("engine/scheduler.py:Scheduler.repeat_reports", "engine/tool_catalog.py:_user_tool"),
        "engine/compiled.py:*.scriptable_names",
    ),
    "Models and critics, which the suite does not run because they cost money: what the emulator makes up for them": (
        *("engine/default_nodes.py:*", "engine/node_executor.py:_as_texts"),
        *("engine/node_executor.py:*.improvement_prompt", "engine/node_executor.py:*.write_memory"),
        *("engine/memory.py:NodeMemory.read", "engine/memory.py:NodeMemory.write"),
        *("engine/execution.py:*._improve", "engine/node_states.py:NodeStates.run_again"),
        *("engine/node_states.py:iteration_of", "engine/compiled.py:*.between"),
    ),
    "The emulator's own catalog of tools and models, and what its tools make up": (
        *("engine/tool_catalog.py:", "engine/tool_catalog.py:_tool", "engine/tool_catalog.py:CatalogTool"),
        *(
            "engine/tool_catalog.py:default_output_of*",
            "engine/tool_catalog.py:_result",
            "engine/tool_catalog.py:_arithmetic",
        ),
        "engine/tool_catalog.py:_value_of",
        "engine/environment.py:*",
    ),
    "Values of `env` and `secrets`, which are set in Python": (
        *("engine/variables.py:*", "engine/hidden_secrets.py:*"),
        "engine/node_executor.py:*.resolve_fixed",
    ),
    "Warnings of the emulator, which are read in Python and in its log, and remarks about made-up answers": (
        *("engine/emulator_warnings.py:*", "policy/admission.py:report_categories"),
        *("policy/admission.py:report_problems", "policy/admission.py:misspelled_category"),
        *("routes/executions.py:_check_status", "engine/execution.py:*._warn_of_missing_values"),
        "engine/scheduler.py:Scheduler._report_end",
        *("engine/execution.py:*._indexes", "engine/node_executor.py:*.take_remarks"),
        *("engine/compiled.py:missing_values", "engine/execution.py:*._report"),
    ),
    "What reaches a node that no run has reached: the report of coverage is read in Python": ("engine/recipes.py:*",),
    "Decisions about approval: the API has no call that approves": (
        *("policy/approvals.py:decide", "policy/approvals.py:_approve", "policy/approvals.py:_check_role"),
        *("policy/approvals.py:expire", "policy/approvals.py:_record*", "routes/control.py:*"),
    ),
    "The state of a process that has ended, or of a snapshot": (
        *("engine/scheduler.py:Scheduler.restore", "engine/scheduler.py:Scheduler._fail_orphaned_calls"),
        *("engine/scheduler.py:Scheduler._resume_clock", "engine/scheduler.py:Scheduler.resume"),
        *("engine/scheduler.py:Scheduler._act_by_id", "engine/scheduler.py:_interrupt"),
        *("engine/scheduler.py:Scheduler._save_time", "engine/scheduler.py:Scheduler.has_work"),
        "engine/compiled.py:check_*",
    ),
    "The option `time='skip'`": (
        *("engine/scheduler.py:Scheduler._skip_waits*", "engine/scheduler.py:Scheduler._after_skipping"),
    ),
    "Reports, statistics and entries of the audit log: what they hold is not documented, and kept as it comes": (
        *("routes/organizations.py:report", "routes/organizations.py:approvals"),
        *("policy/approvals.py:counts_of", "policy/organizations.py:record_change"),
    ),
    "The API of 0.2.4, which is another contract": ("routes/api_0_2.py:*",),
}
"""The functions of the emulator of which no HTTP client sees anything, and why: `folder/file.py:Class.function`."""

LINES: Final[Mapping[str, str]] = {
    "Handlers, scripts and their calls": (
        r"scripts?\b|\bcalls\b|\bcassette\b|HandlerCall|HandlerOutcome|step\.timeout|launched"
    ),
    "Warnings and logs": (
        r"\bwarnings\b|EmulatorWarning|unused_owners|without_value|_log\b|\blog\(|report_problems|_report_end"
    ),
    "Remarks about made-up answers, in the trace": r"\bremarks\b",
    "Secrets and the environment": r"\bsecrets\b|\"env\"",
    "What only models and critics have": (
        r"memory_read|system_prompt|LLMNode|CriticNode|iteration|earlier_attempts|improve|criteria|SCORE|\busage\b"
    ),
    "What only the API of 0.2.4 passes": (
        r"is_template|is_flagged|\bcaller\b|rolled_back_from|changed\[.status|\btags\b"
    ),
    "What only the seed of an emulator may name, which is set in Python": r"\bSEED\b|\"unknown_model\"",
    "The name of a list inside its cursor, which is opaque": r"\bkind=|_listed\(",
    "Which query parameters an endpoint knows: others are a warning, unless the emulator is strict": r"\bquery=\(",
    "Who decides about approval, which is done in Python": r"\bDECIDING\b",
    "Entries of the audit log, and what connecting a tool responds: not documented, and kept as they come": (
        r"\bChange\(|\baudit\(|: StoredConnection = "
    ),
    "Caches and slots, without which the same takes more time or memory": r"\blru_cache\b|\bslots=True",
    "How large the output of a node may be, which is not documented": r"\bMAX_OUTPUT",
    "Which of the nodes that may start at the same time starts first, which is not documented": r"\bturn\b|_turn = \(",
    "Aliases of types, which only a type checker reads": r"^\w+ = (Literal|Callable)\[",
}
"""Lines inside the other functions that are about the same, by what they name."""


def is_visible(mutant: SourceMutant) -> bool:
    """Return whether an HTTP client may see a mutant, by `PLACES`, `LINES`, and what only leads to a warning."""
    name = f"{mutant.path.removeprefix(EMULATOR)}:{mutant.place}"
    is_out = any(fnmatch.fnmatchcase(name, pattern) for patterns in PLACES.values() for pattern in patterns)
    is_out = is_out or mutant.line in _lines_that_warn(mutant.path)
    return not is_out and not any(re.search(pattern, mutant.before) for pattern in LINES.values())


@cache
def _lines_that_warn(path: str) -> Sequence[int]:
    """Return the numbers of the lines of each `if` that only reports or notes a warning."""
    ifs = (node for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))) if isinstance(node, ast.If))
    warning = [node for node in ifs if not node.orelse and _only_warns(node.body)]
    return [line for node in warning for line in range(node.lineno, (node.end_lineno or 0) + 1)]


def _only_warns(body: Sequence[ast.stmt]) -> bool:
    """Return whether statements report or note a warning at last, and before that only name its parts."""
    *parts, last = body
    warns = re.search(r"\.warnings\.report\(|\.without_value\[|\bremarks\b", ast.unparse(last))
    return warns is not None and all(isinstance(part, ast.Assign) for part in parts)


def visible_mutants(seed: int) -> Iterator[SourceMutant]:
    """Yield the mutants that a client may see, in the order of a seed."""
    files = (file for folder in FOLDERS for file in (ROOT / EMULATOR / folder).glob("*.py"))
    own = (RemoveStatement(), DropEntry(), ChangeName())
    return filter(is_visible, in_order(sorted(file.relative_to(ROOT).as_posix() for file in files), seed, own))


def graded(seed: int, size: int, jobs: int) -> Iterator[tuple[SourceMutant, Grade]]:
    """Yield so many mutants whose server starts, each with its grade.

    Args:
        seed: Which mutants.
        size: How many.
        jobs: How many at a time.
    """
    path = f"{EMULATOR}routes/health.py"
    (unchanged,) = grades([(path, (ROOT / path).read_text("utf-8"))], jobs)
    if not unchanged.survives:
        raise SystemExit(f"the suite can't judge: it disagrees with the emulator as it is: {unchanged}")
    ahead, count = visible_mutants(seed), 0
    while count < size and (batch := list(islice(ahead, min(_BATCH, size - count)))):
        found = zip(batch, grades([(mutant.path, mutant.source) for mutant in batch], jobs), strict=True)
        started = [(mutant, grade) for mutant, grade in found if grade.started]
        count += len(started)
        print(f"\r{count} of {size}", end="", file=sys.stderr, flush=True)
        yield from started
    print(file=sys.stderr)


def report(results: Sequence[tuple[SourceMutant, Grade]]) -> str:
    """Return how many mutants of each folder are detected, and the survivors."""
    of_folder = Counter(mutant.path.split("/")[2] for mutant, _ in results)
    detected = Counter(mutant.path.split("/")[2] for mutant, grade in results if not grade.survives)
    share = f"{detected.total() / of_folder.total():.1%}"
    rows = [f"| `{folder}` | {of_folder[folder]} | {detected[folder]} |" for folder in FOLDERS]
    table = ["| Folder | Mutants | Detected |", "|---|---:|---:|", *rows]
    table.append(f"| **All** | **{of_folder.total()}** | **{detected.total()}**, {share} |")
    survivors = [str(mutant) for mutant, grade in results if grade.survives]
    return "\n".join([*table, "", "The suite doesn't detect these:", "", "```diff", *survivors, "```", ""])


def main() -> int:
    """Grade the suite, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: %(default)s)")
    parser.add_argument("--size", type=int, default=300, help="how many mutants (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    options = parser.parse_args()
    results = list(graded(options.seed, options.size, options.jobs))
    print(report(results))
    return int(sum(not grade.survives for _, grade in results) < REQUIRED * len(results))


if __name__ == "__main__":
    raise SystemExit(main())
