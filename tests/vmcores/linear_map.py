# SPDX-License-Identifier: GPL-2.0-or-later
"""Fix-ups for 32-bit guests: what a capture kernel's headers, made by kexec, say and QEMU's do not.

kexec gives memory that the kernel maps linearly its virtual address and high memory the address -1
(kexec/crashdump-elf.c); it writes ELF64 where the kernel has PAE on x86, ELF32 elsewhere.
"""
from __future__ import annotations

import re
from dataclasses import replace

from elfcore import PAGE, Draft, ElfError, GuestFiles, Segment

NO_ADDRESS = {32: 0xFFFFFFFF, 64: 0xFFFFFFFFFFFFFFFF}


def choose_class(draft: Draft, guest: GuestFiles) -> str | None:
    """Of i386: ELF64 with PAE, ELF32 without."""
    bits = 64 if 'CONFIG_X86_PAE=y' in guest.config.splitlines() else 32
    if draft.bits == bits:
        return None
    draft.bits = bits
    return f'written as ELF{bits}'


def _high_memory(zoneinfo: str) -> int | None:
    """The physical address at which a kernel's high memory begins, if it has any; /proc/zoneinfo knows."""
    zone = re.search(r'^Node \d+, zone +HighMem$(.*?)(?=^Node|\Z)', zoneinfo, re.MULTILINE | re.DOTALL)
    if not zone or not int(re.search(r'^ +present +(\d+)', zone[1], re.MULTILINE)[1]):
        return None
    return int(re.search(r'start_pfn: +(\d+)', zone[1])[1]) * PAGE


def _split(load: Segment, at: int | None) -> list[Segment]:
    """One or two segments, of which none reaches over the physical address `at`."""
    low = 0 if at is None else at - load.paddr
    if not 0 < low < load.memsz:
        return [load]
    return [replace(load, filesz=low, memsz=low),
            replace(load, offset=load.offset + low, paddr=load.paddr + low, filesz=load.memsz - low,
                    memsz=load.memsz - low)]


def add_addresses(draft: Draft, guest: GuestFiles) -> str | None:
    """Give each PT_LOAD its virtual address; one that reaches into high memory is split where that begins (in a real
    /proc/vmcore the memory of the capture kernel, which is left out, stands in between)."""
    setting = re.search(r'^CONFIG_PAGE_OFFSET=(\w+)$', guest.config, re.MULTILINE)
    if not setting:
        raise ElfError('no CONFIG_PAGE_OFFSET in the configuration of a 32-bit kernel')
    page_offset = int(setting[1], 16)
    base = min(load.paddr for load in draft.loads)  # where the linear map begins: memory's first byte
    end = _high_memory(guest.files['zoneinfo'])
    draft.loads = [part for load in draft.loads for part in _split(load, end)]

    def address(paddr: int) -> int:
        return NO_ADDRESS[draft.bits] if end is not None and paddr >= end else page_offset + paddr - base
    draft.loads = [replace(load, vaddr=address(load.paddr)) for load in draft.loads]
    high = '' if end is None else f', -1 from {end:#x} on'
    return f'p_vaddr from CONFIG_PAGE_OFFSET={page_offset:#x}{high}'
