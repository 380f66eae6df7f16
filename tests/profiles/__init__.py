"""Profiles: the file, the keychain, the order of the credentials."""
