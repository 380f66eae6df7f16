"""The API reference: a page for each public module and each group of calls, as Markdown from the docstrings."""
