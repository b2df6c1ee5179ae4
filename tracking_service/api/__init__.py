"""The HTTP surface: what a request may say, what it is answered, and how an error reads.

An app registers `routes.blueprint` and `site.blueprint`, and calls `hooks.register` for keys,
headers and errors. `FastPath` is WSGI middleware around it, and `MetricsMiddleware` around both.
What the routes work with is the app's `Services`.
"""
