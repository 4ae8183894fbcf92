# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of page frames as one big integer: bit i is page frame i.

Python's integers make the set operations that the tests need (and, or, xor, population count) fast enough for a
million page frames, and a set prints as the list of its members.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator

PfnSet = int


def from_bitmap(raw: bytes) -> PfnSet:
    """A kdump bitmap: byte i/8, least significant bit first."""
    return int.from_bytes(raw, 'little')


def from_pfns(pfns: Iterable[int]) -> PfnSet:
    members = list(pfns)
    raw = bytearray(max(members) // 8 + 1) if members else bytearray()
    for pfn in members:
        raw[pfn >> 3] |= 1 << (pfn & 7)
    return from_bitmap(raw)


def from_range(start: int, end: int) -> PfnSet:
    """start <= pfn < end"""
    return (1 << end) - (1 << start) if end > start else 0


def count(pfns: PfnSet) -> int:
    return pfns.bit_count()


def first(pfns: PfnSet) -> int:
    """-1 for the empty set."""
    return (pfns & -pfns).bit_length() - 1


def members(pfns: PfnSet) -> Iterator[int]:
    """In rising order."""
    raw = pfns.to_bytes((pfns.bit_length() + 7) // 8, 'little')
    for index, byte in enumerate(raw):
        while byte:
            low = byte & -byte
            yield index * 8 + low.bit_length() - 1
            byte ^= low
