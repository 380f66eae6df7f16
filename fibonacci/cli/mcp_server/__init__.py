"""The MCP server: workflows of the platform as tools for agents, which comes with the extra `mcp`.

What the platform returns about a workflow (its name, description, schema) was written by the workflow's author. It is
treated as data: cut, quoted and labeled, and never part of the server's own instructions.
"""
