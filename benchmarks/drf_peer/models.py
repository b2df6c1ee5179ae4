"""One row a tracking number; the database refuses a second one like it."""

from django.db import models


class Parcel(models.Model):
    """A number and what it was asked for."""

    tracking_number = models.CharField(max_length=16, unique=True)
    origin_country_id = models.CharField(max_length=2)
    destination_country_id = models.CharField(max_length=2)
    weight = models.DecimalField(max_digits=8, decimal_places=3)
    created_at = models.DateTimeField()
    customer_id = models.UUIDField()
    customer_name = models.CharField(max_length=255)
    customer_slug = models.CharField(max_length=255)
