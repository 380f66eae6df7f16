"""Types for annotations in your code: the groups of calls, the types of a client's options, the parts of a tracer.

You don't need any of them to call the platform.

Example:
    ```python
    from fibonacci import Fibonacci
    from fibonacci.types import Workflows


    def ids(workflows: Workflows) -> list[str]:
        return [workflow.id for workflow in workflows.list()]


    with Fibonacci() as client:
        print(ids(client.workflows))
    ```
"""

from fibonacci._system.lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci._async.batch._workers": ["AsyncRows"],
        "fibonacci._async.executions": ["AsyncExecutions"],
        "fibonacci._async.health": ["AsyncHealthChecks"],
        "fibonacci._async.memory": ["AsyncMemory"],
        "fibonacci._async.organizations": ["AsyncGovernance", "AsyncOrganizations", "AsyncQuotas", "AsyncToolPolicies"],
        "fibonacci._async.registry": ["AsyncRegistry"],
        "fibonacci._async.tools": ["AsyncTools"],
        "fibonacci._async.versions": ["AsyncVersions"],
        "fibonacci._async.workflows": ["AsyncWorkflows"],
        "fibonacci._core.option_types": ["ApiKey", "AsyncApiKey", "ClientCert"],
        "fibonacci._core.tracing": ["ExecutionSpan", "ExecutionTracing", "Span", "Tracing", "WaitSpan"],
        "fibonacci._core.urls": ["QueryValue"],
        "fibonacci._sync.batch._workers": ["Rows"],
        "fibonacci._sync.executions": ["Executions"],
        "fibonacci._sync.health": ["HealthChecks"],
        "fibonacci._sync.memory": ["Memory"],
        "fibonacci._sync.organizations": ["Governance", "Organizations", "Quotas", "ToolPolicies"],
        "fibonacci._sync.registry": ["Registry"],
        "fibonacci._sync.tools": ["Tools"],
        "fibonacci._sync.versions": ["Versions"],
        "fibonacci._sync.workflows": ["Workflows"],
        "fibonacci.deployment.plan": ["DeploymentAction"],
    },
)
