# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump-compressed files, version 6, of any kernel, parsed from the description of the format.

Block 0 main header | block 1.. sub header and notes | bitmap 1 | bitmap 2 | a descriptor for every set bit of
bitmap 2, in order | page data. libkdumpfile (kdump_compare.cc) decompresses; pages() does too, as far as zlib goes.
"""
from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import bits

SIGNATURE = b'KDUMP   '
PRIVATE_SIGNATURE = b'VMSIFT  '     # same layout; some pages are in a codec that only vmsift knows
STATUS_INCOMPLETE = 8
CODEC_FLAGS = {'none': 0, 'zlib': 1, 'lzo': 2, 'snappy': 4, 'zstd': 0x20}
DESCRIPTOR = struct.Struct('<QIIQ')      # the same size everywhere, in the byte order of the headers
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
# 32-bit kernels: the time stamp takes 8 bytes in place of 16, and no padding stands before it.
MAIN_32 = {name: at if name == 'header_version' else at - 12 for name, at in MAIN.items()}
# 32-bit kernels that align 64-bit integers to 4 bytes (x86, SuperH), and to 8 (all others).
SUB_PACKED = {'phys_base': (0, 'I'), 'dump_level': (4, 'I'), 'split': (8, 'I'), 'start_pfn': (12, 'I'),
              'end_pfn': (16, 'I'), 'offset_vmcoreinfo': (20, 'Q'), 'size_vmcoreinfo': (28, 'I'),
              'offset_note': (32, 'Q'), 'size_note': (40, 'I'), 'offset_eraseinfo': (44, 'Q'),
              'size_eraseinfo': (52, 'I'), 'start_pfn_64': (56, 'Q'), 'end_pfn_64': (64, 'Q'),
              'max_mapnr_64': (72, 'Q')}
SUB_PADDED = {**SUB_PACKED, 'offset_vmcoreinfo': (24, 'Q'), 'size_vmcoreinfo': (32, 'I'), 'offset_note': (40, 'Q'),
              'size_note': (48, 'I'), 'offset_eraseinfo': (56, 'Q'), 'size_eraseinfo': (64, 'I'),
              'start_pfn_64': (72, 'Q'), 'end_pfn_64': (80, 'Q'), 'max_mapnr_64': (88, 'Q')}
# Kernels of 32 bits, by utsname's machine.
PACKED, PADDED = r'(i[3-6]86$|sh)', r'(arm$|armv|mips$|ppc$)'
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
    order: str = '<'             # of struct
    notes: bytes = b''
    vmcoreinfo: bytes = b''
    memory: bits.PfnSet = 0      # bitmap 1, as physical page frames
    kept: bits.PfnSet = 0        # bitmap 2, alike
    bitmap2_offset: int = 0
    descriptors_offset: int = 0

    @property
    def kept_count(self) -> int:
        return bits.count(self.kept)

    @property
    def first_pfn(self) -> int:
        """The page frame that the headers and bitmaps count from: on arm, where memory begins far from 0, that of
        phys_base."""
        return self.sub['phys_base'] // self.main['block_size'] if self.utsname['machine'].startswith('arm') else 0

    @property
    def described(self) -> int:
        """Page frames that have a descriptor: a member of a split set has those of its range."""
        own = self.kept
        if self.sub['split']:
            own &= bits.from_range(self.sub['start_pfn_64'], self.sub['end_pfn_64']) << self.first_pfn
        return bits.count(own)

    def descriptors(self, may_be_cut: bool = False) -> list[Descriptor]:
        with open(self.path, 'rb') as file:
            file.seek(self.descriptors_offset)
            raw = file.read(self.described * DESCRIPTOR.size)
        if len(raw) != self.described * DESCRIPTOR.size and not may_be_cut:
            raise ValueError(f'{self.path}: descriptors are cut off')
        raw = raw[:len(raw) // DESCRIPTOR.size * DESCRIPTOR.size]
        return [Descriptor(*d) for d in struct.iter_unpack(self.order + DESCRIPTOR.format[1:], raw)]

    def pages(self) -> Iterator[tuple[int, bytes]]:
        """(page frame, bytes) of a dump whose codec is zlib, as zlib itself decompresses them."""
        with open(self.path, 'rb') as file:
            for pfn, d in zip(bits.members(self.kept), self.descriptors()):
                raw = _read_at(file, d.offset, d.size)
                yield pfn, zlib.decompress(raw) if d.flags & CODEC_FLAGS['zlib'] else raw


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


def _sub_layout(machine: str) -> dict[str, tuple[int, str]]:
    if re.match(PACKED, machine):
        return SUB_PACKED
    return SUB_PADDED if re.match(PADDED, machine) else SUB


def read(path: str, signature: bytes = SIGNATURE) -> Kdump:
    dump = Kdump(path, size=os.path.getsize(path))
    with open(path, 'rb') as file:
        head = _read_at(file, 0, 464)
        if head[:8] != signature:
            raise ValueError(f'{path}: starts with {head[:8]!r}, not {signature!r}')
        # The version is small: read in the wrong byte order it is not.
        order = '<' if struct.unpack_from('<I', head, MAIN['header_version'])[0] < 1 << 16 else '>'
        dump.order = order
        strings = [head[12 + 65 * i:12 + 65 * (i + 1)].split(b'\0')[0].decode('latin1') for i in range(6)]
        dump.utsname = dict(zip(UTSNAME, strings))
        # No sub header takes 0 blocks. In the shorter header, which a makedumpfile of 32 bits whose time has 64 does
        # not write, total_ram_blocks stands there: 0.
        wide = struct.unpack_from(order + 'I', head, MAIN['sub_hdr_size'])[0] != 0
        main = MAIN if wide else MAIN_32
        dump.main = {name: struct.unpack_from(order + 'I', head, at)[0] for name, at in main.items()}
        dump.timestamp = struct.unpack_from(order + ('QQ' if wide else 'II'), head, 408 if wide else 404)
        block = dump.main['block_size']
        raw_sub = _read_at(file, block, SUB_SIZE)
        dump.sub = {name: struct.unpack_from(order + code, raw_sub, at)[0]
                    for name, (at, code) in _sub_layout(dump.utsname['machine']).items()}
        dump.notes = _read_at(file, dump.sub['offset_note'], dump.sub['size_note'])
        dump.vmcoreinfo = _read_at(file, dump.sub['offset_vmcoreinfo'], dump.sub['size_vmcoreinfo'])
        bitmap_offset = block * (1 + dump.main['sub_hdr_size'])
        half = dump.main['bitmap_blocks'] * block // 2
        dump.memory = bits.from_bitmap(_read_at(file, bitmap_offset, half)) << dump.first_pfn
        dump.bitmap2_offset = bitmap_offset + half
        dump.kept = bits.from_bitmap(_read_at(file, dump.bitmap2_offset, half)) << dump.first_pfn
        dump.descriptors_offset = bitmap_offset + 2 * half
    return dump
