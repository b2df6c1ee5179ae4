"""The error tree: one root, and a docstring that is the message."""

import inspect
from copy import copy

import pytest

from tracking_service import errors

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
PLAIN = [
    each for each in ALL if each not in (errors.UnknownSeriesError, errors.ShipmentRefusedError)
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_this_services(error: type[errors.TrackingServiceError]) -> None:
    assert issubclass(error, errors.TrackingServiceError)
    assert issubclass(error, Exception)


@pytest.mark.parametrize("error", PLAIN)
def test_the_docstring_is_the_message_where_there_is_none(
    error: type[errors.TrackingServiceError],
) -> None:
    assert error.__doc__ == str(error())
    assert "\n" not in str(error())


@pytest.mark.parametrize("error", PLAIN)
@pytest.mark.parametrize("message", ["the disk is full", ""])
def test_a_message_that_is_given_is_kept(
    error: type[errors.TrackingServiceError], message: str
) -> None:
    assert message == str(error(message))


def test_an_unknown_series_is_named() -> None:
    error = errors.UnknownSeriesError("x'y")

    assert "x'y" == error.name
    assert 'there is no series named "x\'y"' == str(error)


def test_a_refused_shipment_names_the_parameter() -> None:
    error = errors.ShipmentRefusedError("origin_country_id", "must be MY")

    assert ("origin_country_id", "must be MY") == (error.parameter, str(error))


def test_a_copy_of_what_allocators_raise_says_the_same() -> None:
    for error in (errors.ReserveEmptyError("away", retry_after=7), errors.ReserveEmptyError()):
        assert vars(error) == vars(copy(error))
        assert str(error) == str(copy(error))


@pytest.mark.parametrize(
    "error, parent",
    [
        (errors.ReserveEmptyError, errors.AllocationError),
        (errors.SeriesExhaustedError, errors.AllocationError),
        (errors.ShuttingDownError, errors.AllocationError),
        (errors.HighWaterMarkError, errors.AllocationError),
        (errors.CheckCharacterError, errors.NumberError),
        (errors.MalformedNumberError, errors.NumberError),
        (errors.NotIssuedError, errors.NumberError),
        (errors.StoreUnavailableError, errors.StoreError),
        (errors.KeyChangedError, errors.StoreError),
    ],
)
def test_who_catches_a_kind_catches_its_children(
    error: type[Exception], parent: type[Exception]
) -> None:
    assert issubclass(error, parent)
