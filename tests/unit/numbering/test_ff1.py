"""FF1 against NIST's published samples and against libffx, which was written by others."""

import ffx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.numbering.alphabets import ALPHABETS
from tracking_service.numbering.ff1 import FF1, LEAST_DOMAIN

ALPHABET = ALPHABETS["base36"].characters
AES_128 = "2B7E151628AED2A6ABF7158809CF4F3C"
AES_192 = AES_128 + "EF4359D8D580AA4F"
AES_256 = AES_192 + "7F036D6F04FC6A94"
TWEAK_10 = "39383736353433323130"
TWEAK_36 = "3737373770717273373737"

# https://csrc.nist.gov/csrc/media/projects/cryptographic-standards-and-guidelines/documents/examples/ff1samples.pdf
SAMPLES = [
    pytest.param(AES_128, 10, "", "0123456789", "2433477484", id="sample-1"),
    pytest.param(AES_128, 10, TWEAK_10, "0123456789", "6124200773", id="sample-2"),
    pytest.param(
        AES_128, 36, TWEAK_36, "0123456789abcdefghi", "a9tv40mll9kdu509eum", id="sample-3"
    ),
    pytest.param(AES_192, 10, "", "0123456789", "2830668132", id="sample-4"),
    pytest.param(AES_192, 10, TWEAK_10, "0123456789", "2496655549", id="sample-5"),
    pytest.param(
        AES_192, 36, TWEAK_36, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr", id="sample-6"
    ),
    pytest.param(AES_256, 10, "", "0123456789", "6657667009", id="sample-7"),
    pytest.param(AES_256, 10, TWEAK_10, "0123456789", "1001623463", id="sample-8"),
    pytest.param(
        AES_256, 36, TWEAK_36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd", id="sample-9"
    ),
]

KEY = bytes(range(32))


def text_of(value: int, ff1: FF1) -> str:
    """The numerals 0-9A-Z of a value."""
    numerals = []
    for _ in range(ff1.length):
        value, numeral = divmod(value, ff1.radix)
        numerals.append(ALPHABET[numeral])
    return "".join(reversed(numerals))


def encrypted(ff1: FF1, text: str, tweak: bytes) -> str:
    return text_of(ff1.permutation(tweak).encrypt(int(text, ff1.radix)), ff1)


def decrypted(ff1: FF1, text: str, tweak: bytes) -> str:
    return text_of(ff1.permutation(tweak).decrypt(int(text, ff1.radix)), ff1)


@pytest.mark.parametrize("key, radix, tweak, plain, cipher", SAMPLES)
def test_nist_samples_come_out_both_ways(
    key: str, radix: int, tweak: str, plain: str, cipher: str
) -> None:
    tweak_bytes = bytes.fromhex(tweak)
    ff1 = FF1(bytes.fromhex(key), radix=radix, length=len(plain), tweak_length=len(tweak_bytes))

    assert encrypted(ff1, plain.upper(), tweak_bytes) == cipher.upper()
    assert decrypted(ff1, cipher.upper(), tweak_bytes) == plain.upper()


@st.composite
def domains(draw: st.DrawFn) -> tuple[int, int]:
    """A radix with letters and a length, of a million values to halves of 2**96."""
    radix = draw(st.integers(2, 36))
    lengths = [
        n for n in range(2, 193) if radix**n >= LEAST_DOMAIN and radix ** -(-n // 2) <= 2**96
    ]
    return radix, draw(st.sampled_from(lengths))


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    domain=domains(),
    key_length=st.sampled_from([16, 24, 32]),
    tweak=st.binary(max_size=40),
)
def test_libffx_agrees_in_every_radix_and_at_every_length(
    data: st.DataObject, domain: tuple[int, int], key_length: int, tweak: bytes
) -> None:
    radix, length = domain
    key = data.draw(st.binary(min_size=key_length, max_size=key_length))
    text = data.draw(st.text(ALPHABET[:radix], min_size=length, max_size=length))
    ff1 = FF1(key, radix=radix, length=length, tweak_length=len(tweak))

    cipher = encrypted(ff1, text, tweak)

    assert cipher == ffx.FF1(key, alphabet=ALPHABET[:radix]).encrypt(text, tweak=tweak)
    assert decrypted(ff1, cipher, tweak) == text


@pytest.mark.parametrize("radix, length", [(36, 11), (32, 11), (10, 8), (27, 12)])
@settings(max_examples=300, deadline=None)
@given(data=st.data(), tweak=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=4))
def test_libffx_agrees_on_what_patterns_use(
    radix: int, length: int, data: st.DataObject, tweak: str
) -> None:
    value = data.draw(st.integers(0, radix**length - 1))
    ff1 = FF1(KEY, radix=radix, length=length, tweak_length=4)
    oracle = ffx.FF1(KEY, alphabet=ALPHABET[:radix])
    permutation = ff1.permutation(tweak.encode())
    cipher = permutation.encrypt(value)

    assert cipher == int(oracle.encrypt(text_of(value, ff1), tweak=tweak.encode()), radix)
    assert permutation.decrypt(cipher) == value


@settings(max_examples=100, deadline=None)
@given(numerals=st.lists(st.integers(0, 999), min_size=5, max_size=5))
def test_libffx_agrees_in_a_radix_beyond_36(numerals: list[int]) -> None:
    alphabet = [chr(0x4E00 + numeral) for numeral in range(1000)]
    cipher = ffx.FF1(KEY, alphabet="".join(alphabet)).encrypt(
        "".join(alphabet[numeral] for numeral in numerals), tweak=b"MYID"
    )
    expected = int("".join(f"{ord(character) - 0x4E00:03d}" for character in cipher))
    value = int("".join(f"{numeral:03d}" for numeral in numerals))

    assert (
        FF1(KEY, radix=1000, length=5, tweak_length=4).permutation(b"MYID").encrypt(value)
        == expected
    )


@pytest.mark.parametrize("length", [11, 36])
def test_the_ends_of_the_domain_come_back(length: int) -> None:
    ff1 = FF1(KEY, radix=36, length=length, tweak_length=4)
    permutation = ff1.permutation(b"MYID")
    for value in (0, 1, 36 ** (length // 2), ff1.domain - 1):
        cipher = permutation.encrypt(value)

        assert 0 <= cipher < ff1.domain
        assert permutation.decrypt(cipher) == value


@pytest.mark.parametrize("value", [-1, 36**11])
def test_a_value_outside_the_domain_is_refused(value: int) -> None:
    permutation = FF1(KEY, radix=36, length=11, tweak_length=4).permutation(b"MYID")

    with pytest.raises(ValueError, match=r"outside \[0, 36\*\*11\)"):
        permutation.encrypt(value)
    with pytest.raises(ValueError, match=r"outside \[0, 36\*\*11\)"):
        permutation.decrypt(value)


@pytest.mark.parametrize("tweak", [b"MYI", b"MYIDX"])
def test_a_tweak_of_another_length_is_refused(tweak: bytes) -> None:
    ff1 = FF1(KEY, radix=36, length=11, tweak_length=4)

    with pytest.raises(ValueError, match=f"tweak must be 4 bytes, not {len(tweak)}"):
        ff1.permutation(tweak)


@pytest.mark.parametrize(
    "radix, length, tweak_length",
    [
        (1, 40, 0),
        (2**16 + 1, 4, 0),
        (10**6, 1, 0),
        (10, 5, 0),
        (36, 3, 0),
        (10, 8, -1),
        (36, 60, 4),
    ],
)
def test_a_domain_that_the_standard_does_not_allow_is_refused(
    radix: int, length: int, tweak_length: int
) -> None:
    with pytest.raises(ValueError, match=r"must be in|fewer than the 1000000|more than a round"):
        FF1(KEY, radix=radix, length=length, tweak_length=tweak_length)


def test_a_million_values_are_enough() -> None:
    assert FF1(KEY, radix=10, length=6, tweak_length=0).domain == LEAST_DOMAIN


@pytest.mark.parametrize("length", [0, 15, 31, 33])
def test_a_key_of_the_wrong_length_is_refused_and_not_shown(length: int) -> None:
    key = b"\xa5SECRET" * 5
    with pytest.raises(ValueError, match=f"not {length}$") as refusal:
        FF1(key[:length], radix=36, length=11, tweak_length=4)

    assert "SECRET" not in str(refusal.value)


def test_the_key_is_not_in_what_it_shows_of_itself() -> None:
    ff1 = FF1(b"a key of thirty-two bytes, shown", radix=36, length=11, tweak_length=4)

    assert repr(ff1) == str(ff1) == "FF1(radix=36, length=11, tweak_length=4)"


def test_halves_too_wide_for_an_array_are_refused() -> None:
    with pytest.raises(ValueError, match="four bytes"):
        FF1(bytes(32), radix=36, length=14, tweak_length=4).permutation(b"MYID").encrypt_many(0, 1)
