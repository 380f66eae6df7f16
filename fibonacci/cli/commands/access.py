"""`fibonacci auth`, `profiles` and `doctor`: keys, addresses, and whether the platform can be reached with them."""

from __future__ import annotations

import os
import sys
import textwrap
import warnings
from functools import partial
from getpass import GetPassWarning, getpass
from typing import TYPE_CHECKING, Any

from fibonacci.cli.exit_codes import DONE, FAILED, NO_CREDENTIALS, UsageError
from fibonacci.cli.parser import LISTED, SELECTED, add_verb
from fibonacci.cli.standard_streams import has_stream, reading_width

if TYPE_CHECKING:
    from fibonacci._profiles.config_file import ProfilesFile
    from fibonacci._profiles.credentials import PlatformAddress
    from fibonacci.cli.context import Context
    from fibonacci.cli.diagnosis import Finding
    from fibonacci.cli.parser import CommandParser


def add_profiles_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    add = partial(add_verb, parser.add_commands("VERB"))
    add("list", "list the profiles", _list_profiles, ("json", "fields", *LISTED))
    named = {
        "show": add("show", "show one profile", _show_profile, ("json", "fields")),
        "use": add("use", "make a profile the default", _use_profile),
        "add": add("add", "add a profile (the first one becomes the default)", _add_profile),
        "remove": add("remove", "remove a profile, and its API key from the keychain", _remove_profile),
    }
    for verb in named.values():
        verb.add_argument("name", metavar="NAME", help="the name of the profile")
    add_address_options(named["add"])


def add_address_options(parser: CommandParser) -> None:
    """Add the options that a new profile has."""
    from fibonacci._core.config import DEFAULT_BASE_URLS

    parser.add_argument("--base-url", metavar="URL", help="the base URL of a new profile; default: the platform's")
    parser.add_argument(
        "--api-version",
        choices=tuple(DEFAULT_BASE_URLS),
        help="the API that the server speaks: v1, or 0.2 for that of fibonacci-sdk 0.2.4; default: v1",
    )


def read_file(context: Context) -> ProfilesFile:
    """Return the file of profiles, and warn if others can read it."""
    from fibonacci._profiles.config_file import access_problem, read_profiles

    file = read_profiles()
    if problem := access_problem(file.path):
        context.say(problem)
    return file


def _list_profiles(context: Context) -> int:
    file = read_file(context)
    if file.profiles or context.output.is_json:
        rows = (_profile_row(file, name) for name in file.profiles)
        context.output.items(rows, ("name", "base_url", "api_version", "keychain", "default"))
    if not file.profiles:
        context.say(f"there are no profiles in {file.path}: `fibonacci profiles add NAME` adds one")
    return DONE


def _show_profile(context: Context) -> int:
    file = read_file(context)
    context.output.value(_profile_row(file, file.profile(context.options.name, source="NAME").name))
    return DONE


def _use_profile(context: Context) -> int:
    from fibonacci._profiles.changes import use_profile

    name: str = context.options.name
    use_profile(name)
    context.say(f"the default profile is {name!r}")
    for variable in ("FIBONACCI_API_KEY", "FIBONACCI_PROFILE"):
        if os.environ.get(variable, name) != name:
            context.say(f"it is not used here: {variable} is set and takes precedence over the profile {name!r}")
            break
    return DONE


def _add_profile(context: Context) -> int:
    from fibonacci._profiles.changes import add_profile
    from fibonacci._profiles.credentials import login_command

    name: str = context.options.name
    add_profile(name, context.options.base_url, context.options.api_version)
    context.say(f"added the profile {name!r}. To store its API key, run {login_command(name)}")
    return DONE


def _remove_profile(context: Context) -> int:
    from fibonacci._profiles.changes import forget_key, remove_profile
    from fibonacci.errors import ConfigurationError

    profile = read_file(context).profile(context.options.name, source="NAME")
    if profile.keychain:
        context.confirm(f"Remove the profile {profile.name!r} and its API key?")
        try:
            forget_key(profile)
        except ConfigurationError as error:
            context.say(f"its API key stays in the keychain: {error}")
    remove_profile(profile.name)
    context.say(f"removed the profile {profile.name!r}")
    return DONE


def _profile_row(file: ProfilesFile, name: str) -> dict[str, Any]:
    from fibonacci._profiles.credentials import own_address

    profile = file.profiles[name]
    home = own_address(profile)
    return {
        "name": name,
        "base_url": home.base_url,
        "api_version": home.api_version,
        "keychain": profile.keychain,
        "default": file.default_name == name,
    }


def read_secret(prompt: str) -> str:
    """Return a secret that the user types or pipes, stripped of white space. Empty if nothing comes.

    Args:
        prompt: What to print to the terminal before reading.

    Raises:
        UsageError: If the terminal would echo the secret.
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
        raise UsageError("the terminal would show what you type: pipe the API key to stdin instead") from None
    except EOFError:
        return ""


def add_auth_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    add = partial(add_verb, parser.add_commands("VERB"))
    login = add("login", "read an API key, check it, and store it in the keychain", _login, ("profile",))
    add_address_options(login)
    add("status", "show which API key and base URL the SDK uses, and whether the key is valid", _status, SELECTED)
    add("logout", "delete the profile's API key from the keychain", _logout, ("profile",))


def _login(context: Context) -> int:
    from fibonacci._profiles import keychain
    from fibonacci._profiles.changes import profile_for, remember_key
    from fibonacci._profiles.config_file import DEFAULT_PROFILE
    from fibonacci._profiles.credentials import find_address, own_address

    file = read_file(context)
    name = context.options.profile or os.environ.get("FIBONACCI_PROFILE") or file.default_name or DEFAULT_PROFILE
    address = find_address(file.profiles.get(name), context.options.base_url, context.options.api_version)
    profile = profile_for(file, name, address)
    kept = keychain.stored_key(name, own_address(profile).origin)  # a locked keychain fails before the prompt
    key = _read_key(context, address, keychain.legacy_key() if kept is None else None)
    _check_key(key, address)
    remember_key(profile, key)
    context.say(
        f"the API key is valid, and stored in the keychain ({keychain.keychain_name()}) for the profile {name!r} at"
        f" {own_address(profile).base_url}"
    )
    if "FIBONACCI_API_KEY" in os.environ:
        context.say("FIBONACCI_API_KEY is set and takes precedence: unset it to use the profile's")
    return DONE


def _status(context: Context) -> int:
    from fibonacci._core.config import missing_key
    from fibonacci._profiles.changes import TAKE_OVER, has_legacy_key
    from fibonacci._profiles.credentials import find_address, find_key, no_key_of, used_profile
    from fibonacci.errors import AuthenticationError

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
        key = find_key(profile, address)
        if key is None:
            raise no_key_of(profile) if profile else missing_key()
        shown["key_source"] = key.source
        _check_key(key.key, address)
        shown["valid"] = True
    except AuthenticationError:
        shown["valid"] = False
        raise
    finally:
        context.output.value(shown)
        if shown["key_source"] is None and has_legacy_key():
            context.say(TAKE_OVER)
    return DONE


def _logout(context: Context) -> int:
    from fibonacci._profiles.changes import forget_key
    from fibonacci._profiles.credentials import chosen_profile, own_address

    profile = chosen_profile(read_file(context), context.options.profile)
    if profile is None or not profile.keychain:
        context.say("no API key is stored" + (f" for the profile {profile.name!r}" if profile else ""))
    else:
        forget_key(profile)
        context.say(f"deleted the API key of the profile {profile.name!r} for {own_address(profile).origin}")
    if "FIBONACCI_API_KEY" in os.environ:
        context.say("FIBONACCI_API_KEY is still set, so the SDK uses its key")
    return DONE


def _read_key(context: Context, address: PlatformAddress, legacy: str | None) -> str:
    """Return the key that is typed or piped, or that of 0.2.4 if there is one and nothing is typed."""
    from fibonacci._core.options import check_key

    offer = ", or Enter for the key that fibonacci-sdk 0.2.4 stored" if legacy else ""
    key = read_secret(f"API key for {address.base_url}{offer} (it is not shown): ")
    if key:
        return check_key(key, source="the API key")
    if legacy is None:
        raise UsageError("no API key was given: type it at the prompt, or pipe it to stdin")
    context.say(
        "using the API key that fibonacci-sdk 0.2.4 stored. Its old entry remains until you run"
        " `keyring del fibonacci-sdk api_key`"
    )
    return check_key(legacy, source="the API key that fibonacci-sdk 0.2.4 stored")


def _check_key(key: str, address: PlatformAddress) -> None:
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
            return  # the platform has recognized the key


_INDENT = " " * 22
_UNWRAPPED = 10_000


def add_doctor_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command, which has none."""


def run_doctor(context: Context) -> int:
    """Print a line for each check as it ends, or all of them as JSON."""
    from fibonacci.cli.diagnosis import checks

    findings: list[Finding] = []
    for finding in checks(context.options.profile):
        findings.append(finding)
        if not context.output.is_json:
            context.output.text(_finding_line(finding, is_wrapped=context.output.is_terminal))
    if context.output.is_json:
        names = ("name", "status", "detail", "remedy")
        shown = [{name: getattr(finding, name) for name in names} for finding in findings]
        context.output.value({"ok": all(finding.status == "ok" for finding in findings), "checks": shown})
    problems = [finding for finding in findings if finding.status == "problem"]
    if any(finding.is_about_key for finding in problems):
        return NO_CREDENTIALS
    return FAILED if problems else DONE


def _finding_line(finding: Finding, *, is_wrapped: bool) -> str:
    lines = [f"{finding.status:<8} {finding.name:<12} {finding.detail}"]
    if finding.remedy:
        lines.append(f"{_INDENT}-> {finding.remedy}")
    width = reading_width() if is_wrapped else _UNWRAPPED
    return "\n".join(textwrap.fill(line, width, subsequent_indent=_INDENT, break_long_words=False) for line in lines)
