"""Running one workflow for many rows, without the calls: rows, journal, concurrency, watching, estimate, results."""
