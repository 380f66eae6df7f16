"""The executions of an organization, followed as they are started and change."""
