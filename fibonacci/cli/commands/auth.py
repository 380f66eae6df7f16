"""`fibonacci auth`: store the API key of a profile in the keychain, show which key is used, delete it."""

from __future__ import annotations

import os
import sys
import warnings
from getpass import GetPassWarning, getpass
from typing import TYPE_CHECKING, Any

from fibonacci.cli.exit_codes import DONE, UsageError
from fibonacci.cli.parser import Verbs
from fibonacci.cli.standard_streams import has_stream

if TYPE_CHECKING:
    from fibonacci._profiles.credentials import PlatformAddress
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def read_secret(prompt: str) -> str:
    """Return a secret without the white space around it; empty if there is none.

    Args:
        prompt: The text before it, which is printed to the terminal.

    Raises:
        UsageError: If the terminal would show it.
    """
    if not has_stream(sys.stdin):
        return ""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return getpass(prompt, sys.stderr).strip()
    except GetPassWarning:
        raise UsageError("the terminal would show what is typed: pipe the API key to stdin instead") from None
    except EOFError:
        return ""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.commands.profiles import add_address_options

    verbs = Verbs(parser)
    login = verbs.add("login", "read an API key, check it, and store it in the keychain", _login)
    add_address_options(login)
    verbs.add("status", "show which API key and address are used, and whether the key is valid", _status)
    verbs.add("logout", "delete the API key of the profile from the keychain", _logout)


def _login(context: Context) -> int:
    from fibonacci._profiles.changes import keychain, profile_for, remember_key
    from fibonacci._profiles.config_file import DEFAULT_PROFILE
    from fibonacci._profiles.credentials import find_address, home_of
    from fibonacci.cli.commands.profiles import read_file

    file = read_file(context)
    name = context.options.profile or os.environ.get("FIBONACCI_PROFILE") or file.default_name or DEFAULT_PROFILE
    address = find_address(file.profiles.get(name), context.options.base_url, context.options.api_version)
    profile = profile_for(file, name, address)
    kept = keychain().stored_key(name, home_of(profile).origin)  # a keychain that is locked is found before the prompt
    key = _read_key(context, address, keychain().legacy_key() if kept is None else None)
    _check(key, address)
    remember_key(file, profile, key)
    context.say(
        f"the API key is valid, and stored in the keychain ({keychain().keychain_name()}) for the profile {name!r} at"
        f" {home_of(profile).base_url}"
    )
    if "FIBONACCI_API_KEY" in os.environ:
        context.say("FIBONACCI_API_KEY is set and precedes it: unset it to use the profile's")
    return DONE


def _status(context: Context) -> int:
    from fibonacci._core.config import missing_key
    from fibonacci._profiles.changes import TAKE_OVER, has_legacy_key
    from fibonacci._profiles.credentials import find_address, find_key, no_key_of, used_profile
    from fibonacci.cli.commands.profiles import read_file

    profile = used_profile(read_file(context), context.options.profile)
    address = find_address(profile)
    shown: dict[str, Any] = {
        "profile": profile and profile.name,
        "base_url": address.base_url,
        "base_url_source": address.source,
        "api_version": address.api_version,
        "key_source": None,
        "valid": None,
    }
    try:
        found = find_key(profile, address)
        if found is None:
            raise no_key_of(profile) if profile else missing_key()
        shown["key_source"] = found.source
        _check(found.key, address)
        shown["valid"] = True
    except Exception as error:
        from fibonacci.errors import AuthenticationError

        shown["valid"] = False if isinstance(error, AuthenticationError) else None
        context.output.value(shown)
        if shown["key_source"] is None and has_legacy_key():
            context.say(TAKE_OVER)
        raise
    context.output.value(shown)
    return DONE


def _logout(context: Context) -> int:
    from fibonacci._profiles.changes import forget_key
    from fibonacci._profiles.credentials import chosen_profile, home_of
    from fibonacci.cli.commands.profiles import read_file

    profile = chosen_profile(read_file(context), context.options.profile)
    if profile is None or not profile.keychain:
        context.say("no API key is stored" + (f" for the profile {profile.name!r}" if profile else ""))
    else:
        forget_key(profile)
        context.say(f"deleted the API key of the profile {profile.name!r} for {home_of(profile).origin}")
    if "FIBONACCI_API_KEY" in os.environ:
        context.say("FIBONACCI_API_KEY is still set, and is used")
    return DONE


def _read_key(context: Context, address: PlatformAddress, legacy: str | None) -> str:
    """Return the key that is typed or piped; that of 0.2.4, when there is one and nothing is."""
    from fibonacci._core.option_checks import check_key
    from fibonacci.cli.exit_codes import UsageError

    offer = ", or Enter for the one that fibonacci-sdk 0.2.4 stored" if legacy else ""
    key = read_secret(f"API key for {address.base_url}{offer} (it is not shown): ")
    if key:
        return check_key(key, source="the API key")
    if legacy is None:
        raise UsageError("no API key was given: type it at the prompt, or pipe it to stdin")
    context.say(
        "taking over the API key that fibonacci-sdk 0.2.4 stored; its own entry remains until you run"
        " `keyring del fibonacci-sdk api_key`"
    )
    return check_key(legacy, source="the API key that fibonacci-sdk 0.2.4 stored")


def _check(key: str, address: PlatformAddress) -> None:
    """Make one call with a key.

    Raises:
        AuthenticationError: If the platform refuses the key.
        APIError: If the call fails.
    """
    from fibonacci import Fibonacci, PermissionDeniedError

    with Fibonacci(key, base_url=address.base_url, api_version=address.api_version) as client:
        try:
            client.tools.list(page_size=1).first()
        except PermissionDeniedError:
            return  # whose key it is, the platform has recognized
