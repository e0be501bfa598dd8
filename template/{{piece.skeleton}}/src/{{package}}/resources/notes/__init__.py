"""A sample resource. Learn from it, copy it, delete this folder: nothing else names it."""
