"""The contract suite: does a server, the live one included, do what the SDK's contract says?

`python -m fibonacci.testing.contract --base-url ...` prints a row for each documented fact and each choice of the SDK.
The checks are in `fibonacci.testing.contract.checks`, a file for each resource.
"""
