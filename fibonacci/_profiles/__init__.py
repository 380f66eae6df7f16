"""Profiles: the address and the API key that a client has when none is given, in a file and in the keychain."""
