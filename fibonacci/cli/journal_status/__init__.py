"""`fibonacci journal status`: how far the run of a journal has come, at once or while it goes on."""
