"""Routes: the handlers of all endpoints, one file per resource, with the table of endpoints and their permissions.

A handler takes the request context and returns a reply. Handlers import the wings before this one.
"""
