"""Seeding: what a new platform is filled with, from a folder of files.

It imports all wings before it; each file is applied through the application, as a request would be.
"""
