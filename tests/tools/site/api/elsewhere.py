"""Where the types of other packages are described."""

from __future__ import annotations

import sys
from typing import Final

_WORDS_OF_ANNOTATIONS: Final = ("typing.", "collections.abc.")
"""What annotations are written with, such as `Any` and `Sequence`: a link from each of them would hide the others."""

_KNOWN: Final = {
    "httpx.AsyncClient": "https://www.python-httpx.org/api/#asyncclient",
    "httpx.Client": "https://www.python-httpx.org/api/#client",
    "opentelemetry.metrics.MeterProvider": (
        "https://opentelemetry-python.readthedocs.io/en/stable/api/metrics.html#opentelemetry.metrics.MeterProvider"
    ),
    "opentelemetry.trace.TracerProvider": (
        "https://opentelemetry-python.readthedocs.io/en/stable/api/trace.html#opentelemetry.trace.TracerProvider"
    ),
    "pandas.DataFrame": "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.html",
    "polars.DataFrame": "https://docs.pola.rs/api/python/stable/reference/dataframe/index.html",
    "pydantic.BaseModel": "https://docs.pydantic.dev/latest/api/base_model/#pydantic.BaseModel",
}


def elsewhere(path: str) -> str | None:
    """Return the address of a type of another package or of the standard library; None if none is known.

    Args:
        path: The whole name of the type, such as `pathlib.Path`.
    """
    module = path.rpartition(".")[0]
    is_standard = module.partition(".")[0] in sys.stdlib_module_names
    if is_standard and not path.startswith(_WORDS_OF_ANNOTATIONS):
        return f"https://docs.python.org/3/library/{module}.html#{path}"
    return _KNOWN.get(path)
