# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump-compressed files, version 6, 64-bit little-endian, parsed from the description of the format.

Block 0 main header | block 1.. sub header and notes | bitmap 1 | bitmap 2 | a descriptor for every set bit of
bitmap 2, in order | page data. This reader does not decompress: libkdumpfile does that (kdump_compare.cc).
"""
from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field

from . import bits

SIGNATURE = b'KDUMP   '
PRIVATE_SIGNATURE = b'VMSIFT  '     # same layout; some pages are in a codec that only vmsift knows
STATUS_INCOMPLETE = 8
CODEC_FLAGS = {'none': 0, 'zlib': 1, 'lzo': 2, 'snappy': 4, 'zstd': 0x20}
DESCRIPTOR = struct.Struct('<QIIQ')
# Offsets in the main header of 64-bit kernels.
MAIN = {'header_version': 8, 'status': 424, 'block_size': 428, 'sub_hdr_size': 432, 'bitmap_blocks': 436,
        'max_mapnr': 440, 'total_ram_blocks': 444, 'device_blocks': 448, 'written_blocks': 452, 'current_cpu': 456,
        'nr_cpus': 460}
# Offset and struct code in the sub header of 64-bit kernels.
SUB = {'phys_base': (0, 'Q'), 'dump_level': (8, 'I'), 'split': (12, 'I'), 'start_pfn': (16, 'Q'), 'end_pfn': (24, 'Q'),
       'offset_vmcoreinfo': (32, 'Q'), 'size_vmcoreinfo': (40, 'Q'), 'offset_note': (48, 'Q'), 'size_note': (56, 'Q'),
       'offset_eraseinfo': (64, 'Q'), 'size_eraseinfo': (72, 'Q'), 'start_pfn_64': (80, 'Q'), 'end_pfn_64': (88, 'Q'),
       'max_mapnr_64': (96, 'Q')}
SUB_SIZE = 104
UTSNAME = ('sysname', 'nodename', 'release', 'version', 'machine', 'domainname')


@dataclass(frozen=True)
class Descriptor:
    offset: int
    size: int
    flags: int
    page_flags: int


@dataclass
class Kdump:
    path: str
    size: int = 0
    main: dict[str, int] = field(default_factory=dict)
    sub: dict[str, int] = field(default_factory=dict)
    utsname: dict[str, str] = field(default_factory=dict)
    timestamp: tuple[int, int] = (0, 0)
    notes: bytes = b''
    vmcoreinfo: bytes = b''
    memory: bits.PfnSet = 0      # bitmap 1
    kept: bits.PfnSet = 0        # bitmap 2
    bitmap2_offset: int = 0
    descriptors_offset: int = 0

    @property
    def kept_count(self) -> int:
        return bits.count(self.kept)

    @property
    def described(self) -> int:
        """Page frames that have a descriptor: a member of a split set has those of its range."""
        own = self.kept
        if self.sub['split']:
            own &= bits.from_range(self.sub['start_pfn_64'], self.sub['end_pfn_64'])
        return bits.count(own)

    def descriptors(self, may_be_cut: bool = False) -> list[Descriptor]:
        with open(self.path, 'rb') as file:
            file.seek(self.descriptors_offset)
            raw = file.read(self.described * DESCRIPTOR.size)
        if len(raw) != self.described * DESCRIPTOR.size and not may_be_cut:
            raise ValueError(f'{self.path}: descriptors are cut off')
        raw = raw[:len(raw) // DESCRIPTOR.size * DESCRIPTOR.size]
        return [Descriptor(*d) for d in DESCRIPTOR.iter_unpack(raw)]


def _read_at(file, offset: int, size: int) -> bytes:
    file.seek(offset)
    raw = file.read(size)
    if len(raw) != size:
        raise ValueError(f'{file.name}: {size} bytes at {offset} are not all there')
    return raw


def is_kdump(path: str) -> bool:
    with open(path, 'rb') as file:
        return file.read(8) == SIGNATURE


def status(path: str) -> int:
    """The status flags alone: readable even when nothing after the first block is there yet."""
    with open(path, 'rb') as file:
        return struct.unpack('<I', _read_at(file, MAIN['status'], 4))[0]


def read(path: str, signature: bytes = SIGNATURE) -> Kdump:
    dump = Kdump(path, size=os.path.getsize(path))
    with open(path, 'rb') as file:
        head = _read_at(file, 0, 464)
        if head[:8] != signature:
            raise ValueError(f'{path}: starts with {head[:8]!r}, not {signature!r}')
        # The version is small: read in the wrong byte order it is not.
        order = '<' if struct.unpack_from('<I', head, MAIN['header_version'])[0] < 1 << 16 else '>'
        dump.main = {name: struct.unpack_from(order + 'I', head, at)[0] for name, at in MAIN.items()}
        strings = [head[12 + 65 * i:12 + 65 * (i + 1)].split(b'\0')[0].decode('latin1') for i in range(6)]
        dump.utsname = dict(zip(UTSNAME, strings))
        dump.timestamp = struct.unpack_from(order + 'QQ', head, 408)
        block = dump.main['block_size']
        raw_sub = _read_at(file, block, SUB_SIZE)
        dump.sub = {name: struct.unpack_from(order + code, raw_sub, at)[0] for name, (at, code) in SUB.items()}
        dump.notes = _read_at(file, dump.sub['offset_note'], dump.sub['size_note'])
        dump.vmcoreinfo = _read_at(file, dump.sub['offset_vmcoreinfo'], dump.sub['size_vmcoreinfo'])
        bitmap_offset = block * (1 + dump.main['sub_hdr_size'])
        half = dump.main['bitmap_blocks'] * block // 2
        dump.memory = bits.from_bitmap(_read_at(file, bitmap_offset, half))
        dump.bitmap2_offset = bitmap_offset + half
        dump.kept = bits.from_bitmap(_read_at(file, dump.bitmap2_offset, half))
        dump.descriptors_offset = bitmap_offset + 2 * half
    return dump
