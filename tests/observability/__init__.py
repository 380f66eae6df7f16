"""What a user can see of the calls: log records, spans, metrics."""
