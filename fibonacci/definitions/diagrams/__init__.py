"""Diagrams of definitions: as SVG, and as the text of a Mermaid flowchart."""
