"""FF1: a keyed permutation of the numerals of one length, from AES.

NIST SP 800-38G (and the least domain of its revision 1):
https://csrc.nist.gov/pubs/sp/800/38/g/final

A value is cut into a left and a right half. Ten Feistel rounds change them in turn, each adding
to one half, modulo its size, a number that AES makes of the other half, the round and the tweak.
With the key every round can be undone, so the whole is a permutation: unlike values stay unlike.
The letters of the standard: A and B are the halves, u and v their lengths, P and Q what is fed to
AES, S its output and y that output as a number; b and d count bytes.

The tweak is public. Each tweak gives another permutation under the same key.
"""

import threading
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    # At run time it is loaded by the first batch: a start should not wait for it.
    import numpy as np
    from numpy.typing import NDArray

LEAST_DOMAIN = 1_000_000
_BLOCK = 16
_WORD = 8
_WORD_MASK = 2 ** (8 * _WORD) - 1
_HALF_MOST = 2**96
"""Beyond it the standard makes S of several blocks; no number here is as long."""


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
    """FF1 under one key, for one length of numerals and of tweaks: a `Permutation` for each tweak.

    It keeps nothing of a call, so any number of threads may share it. Halves are below 2**96: then
    each round is one AES block, and all that it needs beside a half is one integer made of the
    tweak and the round.
    """

    __slots__ = (
        "_aes",
        "_p",
        "_rest",
        "_rounds",
        "domain",
        "length",
        "radix",
        "shift",
        "tweak_length",
        "u_size",
        "v_size",
    )

    def __init__(self, key: bytes, *, radix: int, length: int, tweak_length: int) -> None:
        """`key` is 16, 24 or 32 bytes, `length` is in numerals, `tweak_length` in bytes.

        ValueError: a key of another length, a radix outside [2, 65536], fewer than two numerals,
        fewer than a million values (a permutation of few values can be learnt from its use), a
        half of 2**96 values or more.
        """
        # Checked here, for the library's own message might show the key.
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
        self.u_size: int = radix**u
        self.v_size: int = radix ** (length - u)
        if self.v_size > _HALF_MOST:
            raise ValueError(f"{radix}**{length} is more than a round of one AES block can permute")
        b = ((self.v_size - 1).bit_length() + 7) // 8
        self.shift = 8 * (_BLOCK - 4 * ((b + 3) // 4) - 4)
        # What follows the tweak in Q: its padding, the round's number and B, all still zero.
        self._rest = bytes((-tweak_length - b - 1) % _BLOCK + 1 + b)
        # The number stands just above the b bytes of the half. Left rounds are even, right odd.
        self._rounds = tuple((left << (8 * b), (left + 1) << (8 * b)) for left in range(0, 10, 2))
        # ECB of single blocks is bare AES, which the standard builds on; no text goes through it.
        self._aes = _Aes(Cipher(algorithms.AES(key), modes.ECB()))  # noqa: S305
        # P is the same for every value and tweak, so its block is encrypted once.
        p = b"\1\2\1" + radix.to_bytes(3, "big") + bytes((10, u % 256))
        p += length.to_bytes(4, "big") + tweak_length.to_bytes(4, "big")
        self._p = int.from_bytes(self._aes.update(p), "big")

    def __repr__(self) -> str:
        return f"FF1(radix={self.radix}, length={self.length}, tweak_length={self.tweak_length})"

    def permutation(self, tweak: bytes) -> "Permutation":
        """The permutation for this tweak; ValueError where it is of another length."""
        if len(tweak) != self.tweak_length:
            raise ValueError(f"the tweak must be {self.tweak_length} bytes, not {len(tweak)}")
        # What the last block of Q is added to: the CBC-MAC of P and all of Q before it.
        q = tweak + self._rest
        chain = self._p
        for at in range(0, len(q) - _BLOCK, _BLOCK):
            chain ^= int.from_bytes(q[at : at + _BLOCK], "big")
            chain = int.from_bytes(self._aes.update(chain.to_bytes(_BLOCK, "big")), "big")
        start = chain ^ int.from_bytes(q[-_BLOCK:], "big")
        rounds = tuple((start ^ even, start ^ odd) for even, odd in self._rounds)
        return Permutation(self, self._aes, rounds)


class Permutation:
    """A permutation of [0, radix**length). Immutable; any number of threads may share it."""

    __slots__ = ("_aes", "_ff1", "_rounds")

    def __init__(self, ff1: FF1, aes: _Aes, rounds: tuple[tuple[int, int], ...]) -> None:
        self._ff1 = ff1
        self._aes = aes
        self._rounds = rounds

    def encrypt(self, value: int) -> int:
        """Permute `value`, in [0, domain); ValueError outside."""
        # The whole cost of a number is in this loop, so it calls as little as it can.
        ff1, aes, number = self._ff1, self._aes.update, int.from_bytes
        shift, u_size, v_size = ff1.shift, ff1.u_size, ff1.v_size
        left, right = divmod(value, v_size)
        if not 0 <= left < u_size:
            self._refuse()
        for even, odd in self._rounds:
            y = number(aes((even ^ right).to_bytes(16, "big")), "big") >> shift
            left = (left + y) % u_size
            y = number(aes((odd ^ left).to_bytes(16, "big")), "big") >> shift
            right = (right + y) % v_size
        return left * v_size + right

    def decrypt(self, value: int) -> int:
        """Undo `encrypt`: the same rounds backwards, with the same errors."""
        ff1, aes, number = self._ff1, self._aes.update, int.from_bytes
        shift, u_size, v_size = ff1.shift, ff1.u_size, ff1.v_size
        left, right = divmod(value, v_size)
        if not 0 <= left < u_size:
            self._refuse()
        for even, odd in reversed(self._rounds):
            y = number(aes((odd ^ left).to_bytes(16, "big")), "big") >> shift
            right = (right - y) % v_size
            y = number(aes((even ^ right).to_bytes(16, "big")), "big") >> shift
            left = (left - y) % u_size
        return left * v_size + right

    def encrypt_many(
        self, start: int, end: int
    ) -> tuple["NDArray[np.uint64]", "NDArray[np.uint64]"]:
        """Permute [start, end) at once; return the left and the right halves of the results.

        The rounds of `encrypt` over arrays, with one call of AES for each round, which releases the
        interpreter's lock. ValueError if the range is outside the domain, or if a half takes more
        than four bytes.
        """
        import numpy as np

        ff1 = self._ff1
        if not 0 <= start <= end <= ff1.domain:
            raise ValueError(f"[{start}, {end}) is outside [0, {ff1.radix}**{ff1.length})")
        if ff1.shift != 8 * _WORD:
            raise ValueError("only halves of up to four bytes can be permuted as an array")
        values = np.arange(start, end, dtype=np.uint64)
        u_size, v_size = np.uint64(ff1.u_size), np.uint64(ff1.v_size)
        left = values // v_size
        right = values - left * v_size
        # Row by row the block that AES is fed, as two numbers: only the second one varies.
        fed = np.empty((len(values), 2), dtype=">u8")
        fed[:, 0] = self._rounds[0][0] >> 8 * _WORD
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
                fed[:, 1] = other ^ np.uint64(mine & _WORD_MASK)
                update_into(flat, room)
                # Reduced first, or the sum would not fit a word.
                number = y.astype(np.uint64)
                number -= number // size * size
                np.add(half, number, out=half)
                np.subtract(half, size, out=half, where=half >= size)
        return left, right

    def _refuse(self) -> NoReturn:
        ff1 = self._ff1
        raise ValueError(f"the value is outside [0, {ff1.radix}**{ff1.length})")
