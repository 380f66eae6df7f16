"""Texts that people read: made safe, without secrets, in logs, and with suggestions."""
