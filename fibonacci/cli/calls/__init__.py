"""The commands that are derived from the typed client: `fibonacci workflows get`, and the other calls."""
