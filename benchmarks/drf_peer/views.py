"""Validate, draw a number, insert it, and draw again where the database has it already."""

import secrets
import string

from django.db import IntegrityError
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from benchmarks.drf_peer.models import Parcel
from benchmarks.drf_peer.serializers import ParcelSerializer

ALPHABET = string.digits + string.ascii_uppercase


@api_view(["GET"])
def next_tracking_number(request: Request) -> Response:
    serializer = ParcelSerializer(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    given = serializer.validated_data
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(12))
        number = given["origin_country_id"] + given["destination_country_id"] + body
        try:
            Parcel.objects.create(tracking_number=number, **given)
        except IntegrityError:
            continue
        # In UTC, which the framework turned the request's moment to.
        moment = timezone.now()
        return Response(
            {"tracking_number": number, "created_at": moment.isoformat(timespec="seconds")}
        )
