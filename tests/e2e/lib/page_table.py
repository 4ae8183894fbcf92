# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual to physical on x86_64, as far as a test needs it: to find the memory of a struct page."""
from __future__ import annotations

import struct

from . import source

KERNEL_MAP = 0xffffffff80000000     # __START_KERNEL_map: where the kernel's own image is linked
FRAME = (1 << 52) - (1 << 12)
PRESENT, LARGE = 1, 0x80


def translate(core: source.Source, vaddr: int) -> int:
    table = int(core.info('SYMBOL(swapper_pg_dir)'), 16) - KERNEL_MAP + int(core.info('NUMBER(phys_base)'))
    levels = 5 if core.info('NUMBER(pgtable_l5_enabled)') == '1' else 4
    for level in range(levels - 1, -1, -1):
        shift = 12 + 9 * level
        entry, = struct.unpack('<Q', core.read(table + (vaddr >> shift & 511) * 8, 8))
        if not entry & PRESENT:
            raise ValueError(f'{vaddr:#x} is not mapped')
        if level == 0 or (level < 3 and entry & LARGE):
            mask = (1 << shift) - 1
            return entry & FRAME & ~mask | vaddr & mask
        table = entry & FRAME
    raise AssertionError('not reached')


def struct_page(core: source.Source, pfn: int) -> int:
    """Physical address of a page frame's struct page. Needs SYMBOL(vmemmap), which kernels from 6.9 on export."""
    vmemmap = int(core.info('SYMBOL(vmemmap)'), 16)
    return translate(core, vmemmap + pfn * int(core.info('SIZE(page)')))
