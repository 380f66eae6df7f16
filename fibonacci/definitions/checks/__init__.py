"""The checks of a definition: all problems at once, before anything is sent or run. One module per kind."""
