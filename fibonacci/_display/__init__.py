"""Display: HTML in notebooks and short tracebacks in IPython. It is imported when something is displayed."""
