"""`fibonacci mcp`: workflows as tools for agents."""
