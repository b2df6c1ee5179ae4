"""The peer: the same job in Django REST framework, as one writes it first, and fairly.

The same seven parameters by the same rules, and one row a request whose tracking number the
database holds unique: the plain way to the same guarantee. It is spared what the job does not
need (sessions, authentication, templates, all middleware but one) and keeps its connections to
the database, so that what is compared is the design and not the defaults.

https://www.django-rest-framework.org/
"""
