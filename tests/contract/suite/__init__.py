"""The contract suite: checks of whether a server, the platform included, conforms to the SDK's contract.

`python -m tests.contract.suite --base-url ...` prints a row for each documented fact and each choice of the SDK.
The checks are in `tests.contract.suite.checks`, one file per subject.
"""
