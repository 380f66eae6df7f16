"""What must not become dearer: counts, instructions, memory."""
