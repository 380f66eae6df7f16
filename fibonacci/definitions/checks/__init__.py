"""The checks of a definition: every fault at once, before anything is sent or run. One module per kind of fault."""
