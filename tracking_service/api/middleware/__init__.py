"""WSGI middleware: what stands before Flask."""
