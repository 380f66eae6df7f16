"""Deploying a folder of definitions: the plan, the state, the folder. The calls are in `client.workflows`."""
