"""The site of the documentation: docs/ and a reference of every public name, built without a network.

    python -m tests.tools.site OUT            build it into a folder
    python -m tests.tools.site --serve        build it, and serve it on this machine

It needs the extra `[docs]`, which pins zensical.
"""
