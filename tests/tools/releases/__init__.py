"""What a release has to be: no unnamed break, any supported environment, the same bytes for the same sources."""
