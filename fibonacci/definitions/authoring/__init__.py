"""Workflow definitions as code: `WorkflowBuilder`, and the templates that its nodes and inputs are."""
