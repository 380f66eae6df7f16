"""The errors module of fibonacci-sdk 0.2.4. Importing it says that it is `fibonacci.errors` today."""

from fibonacci._texts.migration import renamed

raise ModuleNotFoundError(renamed("exceptions"), name=__name__)
