"""The HTTP surface: what a request may say, what it is answered, and how a fault reads.

`routes.blueprint` is what an app registers, `problems.register(app)` what answers its errors. The
app keeps what the routes work with as `app.extensions["tracking"]`.
"""
