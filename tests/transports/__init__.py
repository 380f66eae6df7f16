"""What carries the requests: the package's own transport, httpx, and what tests of users put in its place."""
