"""A client fits the protocols of a user's own, as type checkers see it. They are the test: it is not run."""

from __future__ import annotations

from typing import Any, Protocol

from fibonacci import AsyncFibonacci, AsyncPager, Fibonacci, Pager
from fibonacci.models import Execution, GovernanceSettings, Workflow
from fibonacci.types import AsyncWorkflows, Workflows


class HasWorkflows(Protocol):
    @property
    def workflows(self) -> Workflows: ...


class HasAsyncWorkflows(Protocol):
    @property
    def workflows(self) -> AsyncWorkflows: ...


class ExecutionReader(Protocol):
    def get(self, execution_id: str) -> Execution: ...


class AsyncExecutionReader(Protocol):
    async def get(self, execution_id: str) -> Execution: ...


class HasRuns(Protocol):
    @property
    def executions(self) -> ExecutionReader: ...


class HasAsyncRuns(Protocol):
    @property
    def executions(self) -> AsyncExecutionReader: ...


class Catalog(Protocol):
    def list(self, *, page_size: int | None = ..., cursor: str | None = ...) -> Pager[Workflow]: ...

    def create(self, *, name: str, definition: dict[str, Any] = ...) -> Workflow: ...


class HasCatalog(Protocol):
    @property
    def workflows(self) -> Catalog: ...


class AsyncCatalog(Protocol):
    def list(self, *, page_size: int | None = ..., cursor: str | None = ...) -> AsyncPager[Workflow]: ...

    async def create(self, *, name: str, definition: dict[str, Any] = ...) -> Workflow: ...


class HasAsyncCatalog(Protocol):
    @property
    def workflows(self) -> AsyncCatalog: ...


class Settings(Protocol):
    def get(self, organization_id: str) -> GovernanceSettings: ...


class GovernedOrganizations(Protocol):
    @property
    def governance(self) -> Settings: ...


class HasOrganizations(Protocol):
    @property
    def organizations(self) -> GovernedOrganizations: ...


class Closable(Protocol):
    def close(self) -> None: ...


def the_own_types(client: Fibonacci, async_client: AsyncFibonacci) -> tuple[HasWorkflows, HasAsyncWorkflows]:
    return client, async_client


def the_users_types(client: Fibonacci, async_client: AsyncFibonacci) -> tuple[HasRuns, HasAsyncRuns]:
    return client, async_client


def several_methods(client: Fibonacci, async_client: AsyncFibonacci) -> tuple[HasCatalog, HasAsyncCatalog]:
    return client, async_client


def nested(client: Fibonacci) -> tuple[HasOrganizations, Closable]:
    return client, client
