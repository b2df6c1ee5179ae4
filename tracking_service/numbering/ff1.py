"""FF1: a keyed permutation of the numerals of one length, from AES.

NIST SP 800-38G (and the least domain of its revision 1):
https://csrc.nist.gov/pubs/sp/800/38/g/final

A value is cut into a left and a right half. Ten Feistel rounds change them in turn, each adding
to one half, modulo its size, a number that AES makes of the other half, the round and the tweak.
Every round can be undone by whoever has the key, so the whole is a permutation: unlike values stay
unlike. The letters of the standard: A and B are the halves, u and v their lengths, P and Q what is
fed to AES, S its output and y that output as a number; b and d count bytes.

The tweak is public. Each tweak gives another permutation under the same key.
"""

import threading
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tracking_service.numbering.base36 import ALPHABET

if TYPE_CHECKING:
    # At run time it is loaded by the first batch: a start should not wait for it.
    import numpy as np
    from numpy.typing import NDArray

LEAST_DOMAIN = 1_000_000
_BLOCK = 16
_WORD = 8


class _Aes(threading.local):
    """AES on single blocks, with a context of its own for each thread that asks.

    A context of `cryptography` refuses a second thread while it works ("Already borrowed"):
    whenever it gives up the GIL, from 2048 bytes on, and at any time where there is no GIL.
    """

    def __init__(self, cipher: Cipher[modes.ECB]) -> None:
        # ECB chains nothing, so this context is good for ever and runs the key schedule once.
        context = cipher.encryptor()
        self.update = context.update
        self.update_into = context.update_into


class FF1:
    """The permutations of [0, radix**length) that one key gives, one for each tweak.

    It keeps nothing of a call, so any number of threads may share it. All that a round needs beside
    the halves is one integer made of the tweak and one of the round, and each round of a narrow
    domain (halves below 2**96) is one AES block: a batch can run the same rounds over arrays.
    """

    __slots__ = (
        "_aes",
        "_b",
        "_d",
        "_p",
        "_rest",
        "_rounds",
        "_shift",
        "_u_size",
        "_v_size",
        "domain",
        "length",
        "radix",
        "tweak_length",
    )

    def __init__(self, key: bytes, *, radix: int, length: int, tweak_length: int) -> None:
        """`key` is 16, 24 or 32 bytes, `length` is in numerals, `tweak_length` in bytes.

        ValueError: a key of another length, a radix outside [2, 65536], fewer than two numerals,
        fewer than a million values (a permutation of few values can be learnt from its use).
        """
        # Said here without the key; the library's own words are not ours to vouch for.
        if len(key) not in (16, 24, 32):
            raise ValueError(f"an AES key is 16, 24 or 32 bytes, not {len(key)}")
        if not 2 <= radix <= 2**16:
            raise ValueError(f"radix must be in [2, 65536], not {radix}")
        if not 2 <= length < 2**32 or not 0 <= tweak_length < 2**32:
            raise ValueError("length must be in [2, 2**32) and tweak_length in [0, 2**32)")
        self.domain: int = radix**length
        if self.domain < LEAST_DOMAIN:
            raise ValueError(f"{radix}**{length} is fewer than the {LEAST_DOMAIN} values FF1 needs")
        self.radix, self.length, self.tweak_length = radix, length, tweak_length

        u = length // 2
        self._u_size: int = radix**u
        self._v_size: int = radix ** (length - u)
        self._b = ((self._v_size - 1).bit_length() + 7) // 8
        self._d = 4 * ((self._b + 3) // 4) + 4
        self._shift = 8 * (_BLOCK - self._d)
        # What follows the tweak in Q: its padding, the round's number and B, all still zero.
        self._rest = bytes((-tweak_length - self._b - 1) % _BLOCK + 1 + self._b)
        # The number stands just above the b bytes of the half. Left rounds are even, right odd.
        self._rounds = tuple(
            (left << (8 * self._b), (left + 1) << (8 * self._b)) for left in range(0, 10, 2)
        )
        # ECB of single blocks is bare AES, which the standard builds on; no text goes through it.
        self._aes = _Aes(Cipher(algorithms.AES(key), modes.ECB()))  # noqa: S305
        # P is the same for every value and tweak, so its block is encrypted once.
        p = b"\1\2\1" + radix.to_bytes(3, "big") + bytes((10, u % 256))
        p += length.to_bytes(4, "big") + tweak_length.to_bytes(4, "big")
        self._p = int.from_bytes(self._aes.update(p), "big")

    def __repr__(self) -> str:
        return f"FF1(radix={self.radix}, length={self.length}, tweak_length={self.tweak_length})"

    def encrypt(self, value: int, tweak: bytes) -> int:
        """Permute `value`, in [0, domain); ValueError outside, or at a tweak of another length."""
        left, right = self._halves(value)
        if self._shift < 0:
            for even, odd in self._rounds:
                left = (left + self._wide(even, right, tweak)) % self._u_size
                right = (right + self._wide(odd, left, tweak)) % self._v_size
            return left * self._v_size + right

        # The whole cost of a number is in this loop, so it calls nothing that it can spell out.
        start, aes, number = self._start(tweak), self._aes.update, int.from_bytes
        shift, u_size, v_size = self._shift, self._u_size, self._v_size
        for even, odd in self._rounds:
            y = number(aes((start ^ even ^ right).to_bytes(16, "big")), "big") >> shift
            left = (left + y) % u_size
            y = number(aes((start ^ odd ^ left).to_bytes(16, "big")), "big") >> shift
            right = (right + y) % v_size
        return left * v_size + right

    def decrypt(self, value: int, tweak: bytes) -> int:
        """Undo `encrypt`: the same rounds backwards, with the same errors."""
        left, right = self._halves(value)
        if self._shift < 0:
            for even, odd in reversed(self._rounds):
                right = (right - self._wide(odd, left, tweak)) % self._v_size
                left = (left - self._wide(even, right, tweak)) % self._u_size
            return left * self._v_size + right

        start, aes, number = self._start(tweak), self._aes.update, int.from_bytes
        shift, u_size, v_size = self._shift, self._u_size, self._v_size
        for even, odd in reversed(self._rounds):
            y = number(aes((start ^ odd ^ left).to_bytes(16, "big")), "big") >> shift
            right = (right - y) % v_size
            y = number(aes((start ^ even ^ right).to_bytes(16, "big")), "big") >> shift
            left = (left - y) % u_size
        return left * v_size + right

    def encrypt_many(
        self, start: int, end: int, tweak: bytes
    ) -> tuple["NDArray[np.uint64]", "NDArray[np.uint64]"]:
        """Permute [start, end) at once; return the left and the right halves of the results.

        The rounds of `encrypt` over arrays, with one call of AES for each round: it lets the
        interpreter's lock go meanwhile. ValueError where the range or the tweak is not the
        domain's, or where a half takes more than four bytes.
        """
        import numpy as np

        if not 0 <= start <= end <= self.domain:
            raise ValueError(f"[{start}, {end}) is outside [0, {self.radix}**{self.length})")
        if self._d != _WORD:
            raise ValueError("only halves of up to four bytes can be permuted as an array")
        values = np.arange(start, end, dtype=np.uint64)
        u_size, v_size = np.uint64(self._u_size), np.uint64(self._v_size)
        left = values // v_size
        right = values - left * v_size
        high, low = divmod(self._start(tweak), 1 << 8 * _WORD)
        # Row by row the block that AES is fed, as two numbers: only the second one varies.
        fed = np.empty((len(values), 2), dtype=">u8")
        fed[:, 0] = high
        # The library wants room for one block more than it writes.
        room = np.empty(fed.nbytes + _BLOCK, dtype=np.uint8)
        y = room[: fed.nbytes].view(">u8")[::2]
        flat = fed.view(np.uint8).reshape(-1)
        update_into: Any = self._aes.update_into  # takes any buffer, and is declared for few
        for even, odd in self._rounds:
            for mine, half, other, size in (
                (even, left, right, u_size),
                (odd, right, left, v_size),
            ):
                fed[:, 1] = other ^ np.uint64(low ^ mine)
                update_into(flat, room)
                # Reduced first, for the sum of a word and a half would not fit a word.
                number = y.astype(np.uint64)
                number -= number // size * size
                np.add(half, number, out=half)
                np.subtract(half, size, out=half, where=half >= size)
        return left, right

    def encrypt_text(self, text: str, tweak: bytes) -> str:
        """As `encrypt`, on `length` numerals 0-9A-Z, most significant first; radix up to 36."""
        return self._write(self.encrypt(self._read(text), tweak))

    def decrypt_text(self, text: str, tweak: bytes) -> str:
        """Undo `encrypt_text`."""
        return self._write(self.decrypt(self._read(text), tweak))

    def _halves(self, value: int) -> tuple[int, int]:
        if not 0 <= value < self.domain:
            raise ValueError(f"the value is outside [0, {self.radix}**{self.length})")
        return divmod(value, self._v_size)

    def _start(self, tweak: bytes) -> int:
        """What the last block of Q is added to: the CBC-MAC of P and all of Q before it."""
        if len(tweak) != self.tweak_length:
            raise ValueError(f"the tweak must be {self.tweak_length} bytes, not {len(tweak)}")
        q = tweak + self._rest
        chain = self._p
        for at in range(0, len(q) - _BLOCK, _BLOCK):
            chain ^= int.from_bytes(q[at : at + _BLOCK], "big")
            chain = int.from_bytes(self._aes.update(chain.to_bytes(_BLOCK, "big")), "big")
        return chain ^ int.from_bytes(q[-_BLOCK:], "big")

    def _wide(self, round_number: int, half: int, tweak: bytes) -> int:
        """The round's y where S or the half is longer than a block: the standard as it stands."""
        if len(tweak) != self.tweak_length:
            raise ValueError(f"the tweak must be {self.tweak_length} bytes, not {len(tweak)}")
        aes = self._aes.update
        q = tweak + self._rest[: -1 - self._b] + (round_number | half).to_bytes(1 + self._b, "big")
        chain = self._p
        for at in range(0, len(q), _BLOCK):
            chain ^= int.from_bytes(q[at : at + _BLOCK], "big")
            chain = int.from_bytes(aes(chain.to_bytes(_BLOCK, "big")), "big")
        s = chain.to_bytes(_BLOCK, "big")
        for counter in range(1, (self._d + _BLOCK - 1) // _BLOCK):
            s += aes((chain ^ counter).to_bytes(_BLOCK, "big"))
        return int.from_bytes(s[: self._d], "big")

    def _read(self, text: str) -> int:
        if self.radix > len(ALPHABET):
            raise ValueError(f"text is for a radix up to 36, not {self.radix}")
        if len(text) != self.length or not set(text) <= set(ALPHABET[: self.radix]):
            raise ValueError(f"expected {self.length} numerals of radix {self.radix}")
        return int(text, self.radix)

    def _write(self, value: int) -> str:
        numerals = []
        for _ in range(self.length):
            value, digit = divmod(value, self.radix)
            numerals.append(ALPHABET[digit])
        return "".join(reversed(numerals))
