"""What differs between two definitions."""
