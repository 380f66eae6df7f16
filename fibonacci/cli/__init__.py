"""The command `fibonacci`: the platform from a terminal, for people, scripts and jobs."""
