"""Generated requests, good and bad, against the emulator in this process, with all checks that schemathesis has.

`FIBONACCI_CONTRACT_EXAMPLES` sets how many random requests each operation gets beside the systematic ones; with more
than a few, all systematic ones are sent. The seed is fixed, so that two runs send the same requests. Beside single
requests there are sequences of them.
"""

# The library's own annotations leave type arguments out.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import copy
import io
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
import requests
import schemathesis
import urllib3
from hypothesis import settings
from requests.adapters import HTTPAdapter
from schemathesis import Case, Response
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from tests.contract.document import load_document

EXAMPLES: Final = int(os.environ.get("FIBONACCI_CONTRACT_EXAMPLES", "3"))

pytest_plugins = ["schemathesis.pytest.plugin"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(110 + 2 * EXAMPLES)]

KNOWN: Final = {
    "workflow_id": "known-workflow",
    "execution_id": "known-execution",
    "organization_id": "known-organization",
    "tool_name": "calculator",
    "key": "known-key",
    "version": "1",
}
"""What generated paths often hold, by parameter. The first two stand for ids that only the emulator knows."""

_SEMANTIC = (
    "duplicate_id|unknown_(dependency|template_source|branch_target|critic_target|fallback|error_handler)"
    "|bad_template|conflicting_spellings|cycle|misspelled_node_type"
)
_LIST = {"cursor": "is not a cursor of this list"}
_MEMORY = {"user_id": "is required with the scope user"}
_TOOL = {"tool_name": "There is no tool"}
_DEFINITION = {r"definition(\..*)?": rf"\(({_SEMANTIC})\)$"}
_NAMED_AS_WELL = re.compile(  # where something else is refused; these alone are warnings of the emulator
    r"\((not_a_number|unknown_(field|input|parameter|property|tool)|missing_parameter|wrong_parameter_type"
    r"|bad_schema|misspelled_schema_keyword)\)$"
)
_QUOTA = {"workflow_runs_per_hour|concurrent_executions|memory_mb": "must be at most .* ceiling of the plan"}
BEYOND_THE_SCHEMA: Final[dict[str, dict[str, str]]] = {
    "POST /workflows": _DEFINITION,
    "PUT /workflows/{workflow_id}": _DEFINITION,
    "PATCH /organizations/{organization_id}/quota": _QUOTA,
    "POST /organizations/{organization_id}/tool-policies": _TOOL,
    "POST /organizations/{organization_id}/role-policy-overrides": _TOOL,
    "GET /memory/{key}": _MEMORY,
    "DELETE /memory/{key}": _MEMORY,
}
"""Why a request may be refused with 422 although its schema allows it: the field and the message, by operation.
Every list may refuse a cursor that it did not make."""


SHARES: Final = {"POST /workflows": 3, "PUT /workflows/{workflow_id}": 10}
"""Of a thousand requests that differ in their definition alone, by day each third and each tenth is sent."""


def strict_document() -> dict[str, Any]:
    """Return the document without `default` responses, which would let any undeclared status pass."""
    document = copy.deepcopy(load_document())
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                del operation["responses"]["default"]
    return document


config = SchemathesisConfig.from_dict(
    {
        "seed": 37,
        "dictionaries": {name: {"values": [value]} for name, value in KNOWN.items()},
        "parameters": {f"path.{name}": {"dictionary": name, "probability": 0.75} for name in KNOWN},
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "with-security-parameters": False},
    }
)
schema = schemathesis.openapi.from_dict(strict_document(), config=config)

if TYPE_CHECKING:
    from schemathesis.generation.stateful.state_machine import APIStateMachine as Machine
else:
    Machine = schema.as_state_machine()


NODE_TYPES: Final = load_document()["components"]["schemas"]["Node"]["discriminator"]["mapping"].keys()


class InProcessAdapter(HTTPAdapter):
    """Lets an emulator in this process respond to what schemathesis sends with requests."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self._app = app_of(emulator)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body or b""
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        content = body.encode() if isinstance(body, str) else cast("bytes", body)
        response = self._app.handle(
            ServerRequest(str(request.method), request.path_url, {"host": "127.0.0.1", **headers}, content)
        )
        raw = urllib3.HTTPResponse(
            io.BytesIO(response.body),
            urllib3.HTTPHeaderDict(response.headers),
            response.status,
            version=11,
            preload_content=False,
        )
        return self.build_response(request, raw)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


class Target:
    """The emulator, and objects in it for the ids that stand in generated paths.

    Args:
        emulator: Listens: some checks of schemathesis send requests of their own.
    """

    def __init__(self, emulator: Emulator) -> None:
        session = requests.Session()
        session.trust_env = False  # it would look for proxies at each request
        session.mount("http://", InProcessAdapter(emulator))
        self.headers = {"Authorization": f"Bearer {emulator.api_key}"}
        self.transport: dict[str, Any] = {"base_url": emulator.base_url, "headers": self.headers, "session": session}
        self.enforcing: set[str] = set()
        """The operations that have refused requests without a key and with a wrong one, which each needs to do once."""
        self.sent = Counter[str]()
        self._client = emulator.client()
        self._numbers = itertools.count()
        # Each known execution goes on for long, so that it can be canceled: many are more than the plan allows.
        self._client.organizations.quota.update("default", concurrent_executions=10_000)
        self._executed = self._workflow()
        self._kept = self._workflow()

    def prepare(self, case: Case[Any]) -> None:
        """Put real ids in the place of the known ones, for objects that are there when the request comes."""
        path = case.path_parameters
        if is_systematic(case, ParameterLocation.PATH):
            path.update({name: KNOWN[name] for name in path})
        if is_systematic(case, ParameterLocation.BODY) and isinstance(case.body, dict) and "tool_name" in case.body:
            case.body["tool_name"] = KNOWN["tool_name"]
        names = {name for name, value in path.items() if value == KNOWN[name]}
        number = next(self._numbers)
        if "workflow_id" in names:
            path["workflow_id"] = self._kept if case.method in ("GET", "PUT") else self._workflow()
        if "execution_id" in names:
            path["execution_id"] = self._client.workflows.execute(self._executed).id
        if "organization_id" in names:
            path["organization_id"] = f"organization-{number}"
        if names >= {"organization_id", "tool_name"}:
            policies = self._client.organizations.tool_policies
            policies.create(path["organization_id"], tool_name=path["tool_name"])
        if "key" in names:
            self._client.memory.set(path["key"], {"known": True})
        idempotency_key: object = case.headers.get("Idempotency-Key")
        if isinstance(idempotency_key, str) and re.fullmatch("[A-Za-z0-9_-]{1,255}", idempotency_key):
            # Generated keys are often the same, and the second request with one would get the response to the first.
            case.headers["Idempotency-Key"] = f"key-{number}"

    def _workflow(self) -> str:
        node = {"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 1000}}
        return self._client.workflows.create(name="known", definition={"nodes": [node]}).id


def is_left_out(case: Case[Any], sent: Counter[str]) -> bool:
    """Whether a systematic request is one of many with the same besides its definition, and time is short."""
    share = SHARES.get(case.operation.label, 1) if EXAMPLES < 10 else 1
    is_random = case.meta is None or case.meta.phase.name != TestPhase.COVERAGE
    if share == 1 or is_random or not isinstance(case.body, dict) or "definition" not in case.body:
        return False
    besides = f"{case.operation.label} {case.path_parameters} {case.query} { ({**case.body, 'definition': ...}) }"
    sent[besides] += 1
    return sent[besides] % share != 1


def is_systematic(case: Case[Any], location: ParameterLocation) -> bool:
    """Whether that part of the request is valid and was not chosen at random."""
    meta = case.meta
    return meta is not None and meta.phase.name == TestPhase.COVERAGE and not meta.is_negative_at(location)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Emulator(plan="enterprise") as emulator:
        yield Target(emulator)


@schema.parametrize()
def test_operation(case: Case[Any], target: Target) -> None:
    if is_left_out(case, target.sent):
        return
    target.prepare(case)
    check(case, case.call(**target.transport), target)


def check(case: Case[Any], response: Response, target: Target) -> None:
    """Run all checks of schemathesis; some of them send further requests."""
    excluded: list[CheckFunction] = [positive_data_acceptance] if is_beyond_the_schema(case, response) else []
    if has_open_node(case.body):
        excluded.append(negative_data_rejection)
    if case.operation.label in target.enforcing:
        excluded.append(ignored_auth)
    case.validate_response(
        response,
        headers=target.headers,
        excluded_checks=excluded,
        transport_kwargs=target.transport,
    )
    is_at_negative_path = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
    if 200 <= response.status_code < 300 and not is_at_negative_path:
        target.enforcing.add(case.operation.label)


class Sequences(Machine):
    """Sequences of calls, in which later ones use the responses to earlier ones, each on an emulator of its own."""

    def setup(self) -> None:
        self.emulator = Emulator(plan="enterprise")
        self.target = Target(self.emulator.start())

    def teardown(self) -> None:
        self.emulator.close()

    def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
        return self.target.transport

    def validate_response(
        self,
        response: Response,
        case: Case[Any],
        additional_checks: list[CheckFunction] | None = None,
        **kwargs: Any,
    ) -> None:
        check(case, response, self.target)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=EXAMPLES * 2, stateful_step_count=10, deadline=None, derandomize=True, database=None
)


def has_open_node(body: object) -> bool:
    """Whether a node of a definition has an undocumented type, which schemathesis takes for a bad documented one."""
    try:
        types = [node["type"] for node in cast("Any", body)["definition"]["nodes"]]
    except (KeyError, TypeError):
        return False
    return any(isinstance(each, str) and each not in NODE_TYPES for each in types)


def is_beyond_the_schema(case: Case[Any], response: Response) -> bool:
    """Whether the emulator refuses the request for nothing but what a schema cannot say."""
    if response.status_code != 422:
        return False
    reasons = BEYOND_THE_SCHEMA.get(case.operation.label, _LIST)
    details: list[dict[str, str]] = [
        detail for detail in response.json()["error"]["details"] if not _NAMED_AS_WELL.search(detail["message"])
    ]
    return details != [] and all(
        any(
            re.fullmatch(field, detail["field"]) and re.search(why, detail["message"]) for field, why in reasons.items()
        )
        for detail in details
    )
