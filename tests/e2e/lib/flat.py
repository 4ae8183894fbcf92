# SPDX-License-Identifier: GPL-2.0-or-later
"""Flattened streams, rebuilt from the description of the format: a header of 4096 bytes, then records of offset, size
and bytes (big-endian), then a record of -1 and -1."""
from __future__ import annotations

import struct

SIGNATURE = b'makedumpfile'.ljust(16, b'\0')
HEADER = 4096
RECORD = struct.Struct('>qq')
END = (-1, -1)


def rebuild(stream: str, target: str) -> int:
    """Writes what the stream describes to `target`; returns where the stream ends in its file.

    Raises ValueError for what readers stumble over: no signature, no end record, two records over one offset.
    """
    spans = []
    with open(stream, 'rb') as source, open(target, 'wb') as sink:
        header = source.read(HEADER)
        if header[:32] != SIGNATURE + struct.pack('>qq', 1, 1) or len(header) != HEADER:
            raise ValueError(f'{stream}: no flattened stream of type 1, version 1')
        while True:
            raw = source.read(RECORD.size)
            if len(raw) != RECORD.size:
                raise ValueError(f'{stream}: cut off, no end record')
            offset, size = RECORD.unpack(raw)
            if (offset, size) == END:
                break
            if offset < 0 or size <= 0:
                raise ValueError(f'{stream}: record of {size} bytes at {offset}')
            data = source.read(size)
            if len(data) != size:
                raise ValueError(f'{stream}: cut off inside a record')
            spans.append((offset, offset + size))
            sink.seek(offset)
            sink.write(data)
        end = source.tell()
    spans.sort()
    for before, after in zip(spans, spans[1:]):
        if after[0] < before[1]:
            raise ValueError(f'{stream}: two records cover offset {after[0]}: crash may show either')
    return end
