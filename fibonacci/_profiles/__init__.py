"""Profiles: the address and the API key that a client uses by default, kept in a file and in the keychain."""
