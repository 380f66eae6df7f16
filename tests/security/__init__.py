"""What others must not be able to do: files of theirs, input of theirs."""
