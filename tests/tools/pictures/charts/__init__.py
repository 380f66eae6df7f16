"""Charts as SVG: lines, bars, and columns over time."""
