# SPDX-License-Identifier: GPL-2.0-or-later
"""Flattened streams, rebuilt from the description of the format: a header of 4096 bytes, then records of offset, size
and bytes (big-endian), then a record of -1 and -1."""
from __future__ import annotations

import struct
from collections.abc import Iterator

SIGNATURE = b'makedumpfile'.ljust(16, b'\0')
HEADER = 4096
RECORD = struct.Struct('>qq')
END = (-1, -1)


class CutShort(ValueError):
    pass


def _records(source, stream: str) -> Iterator[tuple[int, bytes]]:
    header = source.read(HEADER)
    if len(header) != HEADER:
        raise CutShort(f'{stream}: cut off inside the header')
    if header[:32] != SIGNATURE + struct.pack('>qq', 1, 1):
        raise ValueError(f'{stream}: no flattened stream of type 1, version 1')
    while True:
        raw = source.read(RECORD.size)
        if len(raw) != RECORD.size:
            raise CutShort(f'{stream}: cut off, no end record')
        offset, size = RECORD.unpack(raw)
        if (offset, size) == END:
            return
        if offset < 0 or size <= 0:
            raise ValueError(f'{stream}: record of {size} bytes at {offset}')
        data = source.read(size)
        yield offset, data
        if len(data) != size:
            raise CutShort(f'{stream}: cut off inside a record')


def rebuild(stream: str, target: str, may_be_cut: bool = False) -> int | None:
    """Writes what the stream describes to `target`; returns where the stream ends in its file.

    Raises ValueError for what readers stumble over: no signature, no end record, two records over one offset.
    `may_be_cut`: writes what there is, and returns None where the end record is missing.
    """
    spans = []
    with open(stream, 'rb') as source, open(target, 'wb') as sink:
        end = None
        try:
            for offset, data in _records(source, stream):
                spans.append((offset, offset + len(data)))
                sink.seek(offset)
                sink.write(data)
            end = source.tell()
        except CutShort:
            if not may_be_cut:
                raise
    spans.sort()
    for before, after in zip(spans, spans[1:]):
        if after[0] < before[1]:
            raise ValueError(f'{stream}: two records cover offset {after[0]}: crash may show either')
    return end
