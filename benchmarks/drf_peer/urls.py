"""The service's path."""

from django.urls import path

from benchmarks.drf_peer.views import next_tracking_number

urlpatterns = [path("api/next-tracking-number/", next_tracking_number)]
