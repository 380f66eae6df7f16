"""Interrupts a call, a wait, a list and a batch at every line and every await, not at chosen ones."""
