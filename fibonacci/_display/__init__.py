"""Display: HTML in notebooks. It is imported when something is displayed."""
