"""The site of the documentation: docs/ and a reference of every public name, built without a network.

    python -m tests.site OUT            build it into a folder
    python -m tests.site --serve        build it, and serve it on this machine

It needs the extra `[docs]`, which pins zensical.
"""
