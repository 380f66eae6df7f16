"""What notebooks, terminals and tables show."""
