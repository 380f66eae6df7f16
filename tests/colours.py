"""The former name of a mode, for the folders that still use it."""

from tests.kit.mode import Mode as Colour

__all__ = ["Colour"]
