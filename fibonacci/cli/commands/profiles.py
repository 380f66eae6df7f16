"""`fibonacci profiles`: list, choose, add and remove the profiles of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.parser import Verbs

if TYPE_CHECKING:
    from fibonacci._profiles.config_file import ProfilesFile
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    verbs = Verbs(parser)
    verbs.add("list", "list the profiles", _list)
    named = {
        "show": verbs.add("show", "show one profile", _show),
        "use": verbs.add("use", "make a profile the one that is used when none is named", _use),
        "add": verbs.add("add", "add a profile; the first one becomes the default", _add),
        "remove": verbs.add("remove", "remove a profile, and its API key from the keychain", _remove),
    }
    for verb in named.values():
        verb.add_argument("name", metavar="NAME", help="the name of the profile")
    add_address_options(named["add"])


def add_address_options(parser: CommandParser) -> None:
    """Add the options that a new profile has."""
    parser.add_argument("--base-url", metavar="URL", help="the base URL of a new profile; default: the documented one")
    parser.add_argument(
        "--api-version",
        choices=("v1", "0.2"),
        help="the API that its server speaks: v1, the documented one, by default; 0.2, that of fibonacci-sdk 0.2.4",
    )


def read_file(context: Context) -> ProfilesFile:
    """Return the file of profiles; say so if others can read it."""
    from fibonacci._profiles.config_file import access_problem, read_profiles

    file = read_profiles()
    if problem := access_problem(file.path):
        context.say(problem)
    return file


def _list(context: Context) -> int:
    file = read_file(context)
    if file.profiles or context.output.is_json:
        rows = (_row(file, name) for name in file.profiles)
        context.output.items(rows, ("name", "base_url", "api_version", "keychain", "default"))
    if not file.profiles:
        context.say(f"there are no profiles in {file.path}: `fibonacci profiles add NAME` adds one")
    return DONE


def _show(context: Context) -> int:
    file = read_file(context)
    context.output.value(_row(file, file.profile(context.options.name, source="NAME").name))
    return DONE


def _use(context: Context) -> int:
    from fibonacci._profiles.changes import use_profile

    name: str = context.options.name
    use_profile(name)
    context.say(f"the default profile is {name!r}")
    return DONE


def _add(context: Context) -> int:
    from fibonacci._profiles.changes import add_profile
    from fibonacci._profiles.credentials import login_command

    name: str = context.options.name
    add_profile(name, context.options.base_url, context.options.api_version)
    context.say(f"added the profile {name!r}; {login_command(name)} stores its API key")
    return DONE


def _remove(context: Context) -> int:
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


def _row(file: ProfilesFile, name: str) -> dict[str, Any]:
    from fibonacci._profiles.credentials import home_of

    profile = file.profiles[name]
    home = home_of(profile)
    return {
        "name": name,
        "base_url": home.base_url,
        "api_version": home.api_version,
        "keychain": profile.keychain,
        "default": file.default_name == name,
    }
