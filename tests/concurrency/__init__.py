"""What threads, tasks and signals do to the package: each order of turns, a fault at each line."""
