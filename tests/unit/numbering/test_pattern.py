"""Patterns: what is read, and what is refused at which place."""

import pytest

from tracking_service.errors import InvalidPatternError, InvalidSeriesError
from tracking_service.numbering.checks import CHECKS
from tracking_service.numbering.pattern import Pattern, from_options, parse


def test_a_pattern_tells_what_it_writes() -> None:
    pattern = parse("RB{body:9}{check}", "digits")

    assert (12, 10**9) == (pattern.width, pattern.capacity)
    assert CHECKS["mod-11-10"] is pattern.check
    assert (True, False) == (pattern.is_encrypted, pattern.is_dated)
    assert ["literal", "body", "check"] == [part.kind for part in pattern.parts]
    assert (0, 2, 11) == pattern.places


def test_countries_may_be_free_or_one_alone() -> None:
    pattern = parse("{origin:MY}{destination}{serial:9}", "digits")

    assert ("MY", None) == (pattern.only("origin"), pattern.only("destination"))
    assert pattern.check is None
    assert not pattern.is_encrypted


@pytest.mark.parametrize("part, width", [("yyyy", 4), ("yy", 2), ("mm", 2), ("dd", 2)])
def test_a_date_has_its_width(part: str, width: int) -> None:
    pattern = parse(f"{{{part}}}{{body:6}}", "base36")

    assert pattern.is_dated
    assert 6 + width == pattern.width


@pytest.mark.parametrize(
    "pattern",
    [
        parse("{origin}{destination}{body:11}{check}", "crockford"),
        parse("RA{body:8}{check}{origin:MY}", "digits", "s10"),
        parse("X{yy}{mm}{dd}{serial:9}", "consonants"),
    ],
    ids=lambda pattern: pattern.text,
)
def test_a_database_can_keep_it(pattern: Pattern) -> None:
    assert pattern == from_options(pattern.options)
    assert all(isinstance(value, str) for value in pattern.options.values())


@pytest.mark.parametrize(
    "text, character, why",
    [
        ("", 1, r"at its end: the pattern needs \{body:N\}"),
        ("RB", 3, r"at its end: the pattern needs \{body:N\}"),
        ("rb{body:9}", 1, "r: a literal is upper case"),
        ("RB-{body:9}", 3, "-: a literal is one of A to Z and 0 to 9"),
        ("RB {body:9}", 3, " : a literal is one of"),
        ("É{body:9}", 1, "É: a literal is one of"),
        ("{origin:my}{body:9}", 1, "a country in capitals"),
        ("{}{body:9}", 1, "a part is a name"),
        ("RB{body:9", 3, r"\{: a part is closed by \}"),
        ("RB{body:9{check}", 3, r"a part is closed by \}"),
        ("RB}{body:9}", 3, "}: a literal is one of"),
        ("RB{chk}{body:9}", 3, r"\{chk\}: there is no such part; there are \{origin\}"),
        ("RB{BODY:9}", 3, r"\{BODY:9\}: a part"),
        ("RB{body}", 3, r"say how many characters: \{body:9\}"),
        ("RB{serial:X}", 3, r"say how many characters: \{serial:9\}"),
        ("RB{body:0}", 3, "say how many characters"),
        ("RB{body:09}", 3, "say how many characters"),
        ("RB{body:999999999}", 3, "say how many characters"),
        ("RB{body:5}", 3, "5 of digits is too few to hide in: take 6"),
        ("{body:9}{body:9}", 9, r"a pattern has one serial, and \{body:9\} is it"),
        ("{body:9}{serial:6}", 9, r"a pattern has one serial, and \{body:9\} is it"),
        ("{check}{body:9}{check}", 16, "a pattern has one check"),
        ("{yy}{yyyy}{body:6}", 5, r"a pattern has one year, and \{yy\} is it"),
        ("{origin}{body:9}{origin:MY}", 17, "a pattern has one origin"),
        ("{check:2}{body:9}", 1, r"\{check\} takes nothing after a colon"),
        ("{yy:2}{body:9}", 1, r"\{yy\} takes nothing after a colon"),
        ("{origin:M}{body:9}", 1, r"a country is two letters: \{origin:MY\}"),
        ("{body:16}{check}", 10, "a number has 16 characters at most"),
        ("ABCDEFGHIJKLMNOPQ{body:9}", 1, "a number has 16 characters at most"),
    ],
)
def test_a_wrong_pattern_is_refused_at_the_place(text: str, character: int, why: str) -> None:
    with pytest.raises(InvalidPatternError, match=why) as refusal:
        parse(text, "digits")

    assert "\n" not in str(refusal.value)
    if text[character - 1 :]:
        assert f"at character {character}, " in str(refusal.value)


@pytest.mark.parametrize(
    "alphabet, least", [("digits", 6), ("base36", 4), ("crockford", 4), ("consonants", 5)]
)
def test_there_are_a_million_numbers_at_least(alphabet: str, least: int) -> None:
    assert parse(f"{{body:{least}}}", alphabet).capacity >= 1_000_000
    with pytest.raises(InvalidPatternError, match=f"take {least}"):
        parse(f"{{body:{least - 1}}}", alphabet)
    with pytest.raises(InvalidPatternError, match=f"take {least}"):
        parse(f"{{serial:{least - 1}}}", alphabet)


@pytest.mark.parametrize(
    "alphabet, most", [("digits", 16), ("base36", 12), ("crockford", 12), ("consonants", 12)]
)
def test_a_serial_fits_a_counter_of_64_bits(alphabet: str, most: int) -> None:
    assert parse(f"{{body:{most}}}", alphabet).capacity <= 2**63
    if most < 16:
        with pytest.raises(InvalidPatternError, match=f"12 characters of {alphabet} at most"):
            parse(f"{{body:{most + 1}}}", alphabet)


@pytest.mark.parametrize(
    "text, alphabet, check, why",
    [
        (
            "{body:9}",
            "latin",
            None,
            "no alphabet latin: take one of digits, base36, crockford, con",
        ),
        ("{body:9}{check}", "digits", "crc", "no check algorithm crc: take one of mod-11-10"),
        (
            "{body:9}{check}",
            "digits",
            "mod-37-36",
            "mod-37-36 is not for the alphabet digits: take mod-11-10, luhn, damm, verhoeff, s10",
        ),
        ("{body:9}{check}", "base36", "luhn", "take mod-37-36"),
        ("{body:9}", "digits", "luhn", r"no \{check\} for the check algorithm luhn"),
        ("RA{body:9}{check}", "digits", "s10", "at character 11, .*S10 is over 8 digits, not 9"),
        ("RA{body:6}{check}", "digits", "s10", "S10 is over 8 digits, not 6"),
    ],
)
def test_what_does_not_go_together_is_refused(
    text: str, alphabet: str, check: str | None, why: str
) -> None:
    with pytest.raises(InvalidSeriesError, match=why):
        parse(text, alphabet, check)


def test_digits_of_a_literal_count_as_those_of_s10() -> None:
    assert "s10" == parse("RA12{body:6}{check}MY", "digits", "s10").options["check"]
