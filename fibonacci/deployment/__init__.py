"""Deploying a folder of definitions: the plan, the lock file, the folder. The calls are in `client.workflows`."""
