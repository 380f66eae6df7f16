"""Routes: the handlers of all endpoints, one file per resource, each with the table of its endpoints.

A handler takes the request context and returns a reply. Handlers import the wings before this one.
"""
