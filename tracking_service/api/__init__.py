"""The HTTP surface: what a request may say, what it is answered, and how a fault reads.

An app registers `routes.blueprint` and `site.blueprint`, and calls `guard.register` for keys and
headers and `problems.register` for errors. Around it stand `HotPath` and, outermost, `Watch`. What
the routes work with it keeps as `app.extensions["tracking"]`.
"""
