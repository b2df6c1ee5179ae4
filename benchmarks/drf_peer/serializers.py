"""The seven parameters, by the service's rules."""

from decimal import Decimal

import pycountry
from rest_framework import serializers

COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)


def country(code: str) -> str:
    if code not in COUNTRIES:
        raise serializers.ValidationError("must be an ISO 3166-1 alpha-2 code")
    return code


class ParcelSerializer(serializers.Serializer):
    """Validates; the view does the rest."""

    origin_country_id = serializers.CharField(validators=[country])
    destination_country_id = serializers.CharField(validators=[country])
    weight = serializers.DecimalField(max_digits=8, decimal_places=3, min_value=Decimal("0.001"))
    created_at = serializers.DateTimeField()
    customer_id = serializers.UUIDField()
    customer_name = serializers.CharField(max_length=255)
    customer_slug = serializers.RegexField(r"^[a-z0-9]+(?:-[a-z0-9]+)*\Z", max_length=255)
