"""What needs an extra: each module says which, and is imported only when you import it."""
