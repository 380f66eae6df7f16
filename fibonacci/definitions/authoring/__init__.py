"""Workflow definitions as code: `WorkflowBuilder`, and its nodes and inputs, which are templates."""
