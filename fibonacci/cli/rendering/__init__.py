"""How data is printed: fields, JSON, tables and lines that a terminal can hold."""
