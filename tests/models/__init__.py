"""The objects that calls return: their fields, what shells and type checkers see of them, and what is missing."""
