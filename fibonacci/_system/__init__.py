"""What the interpreter and the operating system do to every part: files, forks and threads, imports."""
