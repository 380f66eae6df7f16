"""Terminal sessions: real commands in a real pseudo terminal, and what it shows in the end."""
