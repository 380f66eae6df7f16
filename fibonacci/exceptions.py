"""The module of errors of fibonacci-sdk 0.2.4, which is `fibonacci.errors` today: importing it says so."""

from fibonacci._migration import renamed

raise ModuleNotFoundError(renamed("exceptions"), name=__name__)
