"""Lists of objects as data frames of pandas and polars and as tables of pyarrow, each an extra, imported when used."""
