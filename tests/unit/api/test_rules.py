"""Each rule of the contract, with examples on both sides of it."""

import string
import unicodedata
import uuid
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from tracking_service.api import schemas
from tracking_service.countries import COUNTRIES

# Letters and symbols by category, and yet nothing is to be seen.
BLANK = (
    "\N{HANGUL CHOSEONG FILLER}\N{HANGUL JUNGSEONG FILLER}\N{HANGUL FILLER}"
    "\N{HALFWIDTH HANGUL FILLER}\N{BRAILLE PATTERN BLANK}\N{MUSICAL SYMBOL NULL NOTEHEAD}"
)

UPPER = string.ascii_uppercase


def refusal(rule: Callable[[str], str], text: str) -> str | None:
    """Return the one message with which a rule refuses a text, or None where it takes it."""
    try:
        assert rule(text) == text
    except ValidationError as error:
        (message,) = error.messages
        assert isinstance(message, str)
        return message
    return None


def test_every_assigned_country_is_taken_and_no_other_pair_of_letters() -> None:
    taken = {a + b for a in UPPER for b in UPPER if refusal(schemas.country, a + b) is None}

    assert taken == COUNTRIES
    assert len(taken) == 249
    assert {"MY", "ID", "GB", "TW", "SS", "BQ", "AX"} <= taken


@pytest.mark.parametrize(
    "text",
    [
        "XK",
        "UK",
        "EU",
        "AN",
        "SU",
        "AA",
        "ZZ",
        "QM",
        "my",
        "My",
        "M",
        "MYS",
        "458",
        " MY",
        "MY\n",
        "\N{FULLWIDTH LATIN CAPITAL LETTER M}Y",
        "M\0",
    ],
)
def test_a_code_that_is_not_officially_assigned_is_refused(text: str) -> None:
    assert refusal(schemas.country, text) is not None


@given(st.integers(1, 10**8 - 1))
@example(1)
@example(10**8 - 1)
def test_every_whole_number_of_grams_below_100_tonnes_is_a_weight(grams: int) -> None:
    text = f"{grams // 1000}.{grams % 1000:03}"

    assert refusal(schemas.weight, text) is None
    assert refusal(schemas.weight, text.rstrip("0").rstrip(".")) is None


@given(st.integers(10**8, 10**15))
def test_no_weight_from_100_tonnes_up_is_taken(grams: int) -> None:
    assert refusal(schemas.weight, f"{grams // 1000}.{grams % 1000:03}") is not None


@given(st.text(max_size=12))
@example("1\N{ARABIC-INDIC DIGIT TWO}")
@example("\N{SUPERSCRIPT TWO}")
def test_a_weight_is_ascii_digits_and_at_most_one_point(text: str) -> None:
    if refusal(schemas.weight, text) is None:
        assert set(text) <= set("0123456789.")
        assert 0 < float(text) < 100_000


@pytest.mark.parametrize("text", ["1", "0.001", "99999.999", "1.0", "0001.5", "00000000001", "10"])
def test_these_are_weights(text: str) -> None:
    assert refusal(schemas.weight, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "0.0",
        "0.000",
        "000000",
        "100000",
        "100000.0",
        "0.0001",
        "1.2345",
        "1.",
        ".5",
        ".",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1e3",
        "1,5",
        "0x10",
        "1_000",
        "NaN",
        "Infinity",
        "1..2",
        "1.2.3",
        "1" * 10_000,
        "0" * 10_000,
        "0" * 10_000 + "x",
    ],
)
def test_these_are_not_weights(text: str) -> None:
    assert refusal(schemas.weight, text) is not None


@given(st.uuids(), st.booleans())
@example(uuid.UUID(int=0), False)
@example(uuid.UUID(int=2**128 - 1), True)
def test_every_hyphenated_uuid_is_taken_in_either_case(value: uuid.UUID, upper: bool) -> None:
    text = str(value).upper() if upper else str(value)

    assert refusal(schemas.customer_id, text) is None


@given(st.uuids(), st.integers(0, 35), st.characters())
def test_a_uuid_with_one_character_changed_is_taken_only_if_it_still_is_one(
    value: uuid.UUID, place: int, character: str
) -> None:
    text = str(value)
    text = text[:place] + character + text[place + 1 :]
    still = character == "-" if place in (8, 13, 18, 23) else character in string.hexdigits

    assert (refusal(schemas.customer_id, text) is None) is still


@pytest.mark.parametrize(
    "text",
    [
        "de619854b59b425e9db4943979e1bd49",
        "{de619854-b59b-425e-9db4-943979e1bd49}",
        "urn:uuid:de619854-b59b-425e-9db4-943979e1bd49",
        "de619854-b59b-425e-9db4-943979e1bd4",
        "de619854-b59b-425e-9db4-943979e1bd499",
        "de619854-b59b-425e-9db4-943979e1bd49\n",
        " de619854-b59b-425e-9db4-943979e1bd49",
        "de61985-4b59b-425e-9db4-943979e1bd49",
    ],
)
def test_other_spellings_of_a_uuid_are_refused(text: str) -> None:
    assert refusal(schemas.customer_id, text) is not None


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=120),
    st.characters(categories=["L", "Nd", "P", "S"], exclude_characters=BLANK),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=120),
)
@example("", "\N{PACKAGE}", "\N{PACKAGE}" * 254)
@example("  ", "\N{HANGUL SYLLABLE GAG}", "\N{ZERO WIDTH SPACE}")
@example("Société \N{RIGHT SINGLE QUOTATION MARK}", "Ü", "nïcode & Söhne <b>\"'\\")
@example("", "\ue000", "")
def test_a_name_with_a_visible_character_and_no_control_character_is_taken(
    before: str, visible: str, after: str
) -> None:
    assert refusal(schemas.customer_name, before + visible + after) is None


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "   ",
        "\N{NO-BREAK SPACE}",
        "\N{IDEOGRAPHIC SPACE} ",
        "\N{LINE SEPARATOR}",
        "\N{ZERO WIDTH SPACE}",
        "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}",
        "\N{ZERO WIDTH NO-BREAK SPACE}",
        "\N{SOFT HYPHEN}",
        "\N{RIGHT-TO-LEFT OVERRIDE}",
        "\N{COMBINING ACUTE ACCENT}",
        " \N{COMBINING ENCLOSING CIRCLE}",
        "\N{DEVANAGARI SIGN VISARGA}",
        "\N{VARIATION SELECTOR-16}",
        "\N{TAG LATIN SMALL LETTER A}",
        *("\u2065", "\ufff0", "\U000e0fff"),
        *BLANK,
        BLANK,
    ],
)
def test_a_name_that_shows_nothing_is_refused(text: str) -> None:
    assert refusal(schemas.customer_name, text) is not None


@given(st.text(max_size=100), st.characters(categories=["Cc", "Cs"]), st.text(max_size=100))
def test_a_name_with_a_control_character_or_a_lone_surrogate_is_refused(
    before: str, control: str, after: str
) -> None:
    assert refusal(schemas.customer_name, f"{before}{control}x{after}") is not None


def test_control_characters_are_those_of_unicode() -> None:
    refused = {
        chr(point)
        for point in range(0x110000)
        if refusal(schemas.customer_name, f"x{chr(point)}") is not None
    }

    assert {unicodedata.category(character) for character in refused} == {"Cc", "Cs"}
    assert len(refused) == 65 + 2048


@pytest.mark.parametrize("length, taken", [(0, False), (1, True), (255, True), (256, False)])
def test_a_name_has_1_to_255_characters_not_bytes(length: int, taken: bool) -> None:
    assert (refusal(schemas.customer_name, "é" * length) is None) is taken


groups = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20)


@given(st.lists(groups, min_size=1, max_size=12).map("-".join))
@example("a")
@example("0")
@example("redbox-logistics")
def test_groups_joined_by_single_hyphens_are_a_slug(text: str) -> None:
    assert refusal(schemas.customer_slug, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "-",
        "-a",
        "a-",
        "a--b",
        "A",
        "Redbox",
        "a_b",
        "a b",
        "a.b",
        "é",
        "a\n",
        "\N{EN DASH}",
        "a-\0",
        "a" * 256,
        "a-" * 128,
    ],
)
def test_these_are_not_slugs(text: str) -> None:
    assert refusal(schemas.customer_slug, text) is not None


def test_a_slug_may_have_255_characters() -> None:
    assert refusal(schemas.customer_slug, "a-" * 127 + "b") is None


@given(st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=32))
def test_a_series_name_is_lower_case_letters_digits_and_hyphens(text: str) -> None:
    assert refusal(schemas.series, text) is None


@pytest.mark.parametrize("text", ["A", "a_b", "a b", "a\n", "é", "a" * 33, "../x", "a\0"])
def test_these_are_not_series_names(text: str) -> None:
    assert refusal(schemas.series, text) is not None


@pytest.mark.parametrize(
    "rule",
    [
        schemas.country,
        schemas.weight,
        schemas.customer_id,
        schemas.customer_name,
        schemas.customer_slug,
        schemas.series,
    ],
)
@pytest.mark.parametrize("text", ["?\n<script>\0", "-" * 100_000 + "\x80"])
def test_a_refusal_is_one_short_line_that_does_not_repeat_the_input(
    rule: Callable[[str], str], text: str
) -> None:
    message = refusal(rule, text)

    assert message is not None
    assert message.startswith("must ")
    assert len(message) < 120
    assert message.isprintable()
    assert "script" not in message
