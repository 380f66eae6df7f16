"""The contract suite: checks of whether a server, the platform included, conforms to the SDK's contract.

`python -m fibonacci.testing.contract --base-url ...` prints a row for each documented fact and each choice of the SDK.
The checks are in `fibonacci.testing.contract.checks`, one file per subject.
"""
