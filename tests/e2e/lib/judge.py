# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a dump, as a list of sentences; an empty list is a pass."""
from __future__ import annotations

from collections.abc import Callable

from . import bits, kdump, pageflags, source

SHOWN = 12

# The kernel's flags are the last thing that the guest reads; its program then prints a word and waits, and is stopped
# as soon as that word is there. What can change in between: the program touches a page or two more, which come from a
# per-CPU free list (a page there shows no flag at all, and is 'kernel' here); such lists are filled and drained in
# batches of up to 63 pages a CPU; a batch of pages joins the LRU; the kernel frees what RCU has let go. Guests of 5.10
# to 7.3 were seen to change by two pages, 'kernel' to 'user', and at most by 16 more, 'free' to 'user'; by none of any
# other class. Wrong dumps lose 139 slab pages and more, or keep thousands. What is reserved or must not be read never
# changes, nor does a huge page.
PER_CPU_LISTS = 128
MAY_BE_DROPPED = {'kernel': PER_CPU_LISTS, 'kernel_compound': 16, 'slab': 8, 'pgtable': 8, 'reserved': 0}
MAY_BE_KEPT = {'user': 64, 'hugetlb': 0, 'cache': 64, 'cache_private': 64, 'free': PER_CPU_LISTS, 'hwpoison': 0,
               'offline': 0}
MAY_CHANGE = {**MAY_BE_DROPPED, **MAY_BE_KEPT}
# A class that this level keeps, but whose pages may have been freed or changed class meanwhile.
MAY_HAVE_GONE = 64


def sample(pfns: bits.PfnSet, flags: pageflags.PageFlags, ours: Callable[[int], str] | None = None) -> str:
    """The first of these page frames, with the guest's flags and, if asked for, vmsift's class."""
    shown: list[str] = []
    for pfn in bits.members(pfns):
        if len(shown) == SHOWN:
            return ', '.join(shown) + ', ...'
        shown.append(f'0x{pfn:x} {flags.name(pfn)}' + (f' is {ours(pfn)}' if ours else ''))
    return ', '.join(shown)


def oracle_faults(flags: pageflags.PageFlags, memory: bits.PfnSet, kept: bits.PfnSet, level: int) -> list[str]:
    """A dump's kept pages against the kernel's own classes. `memory`: the page frames in the source's PT_LOADs."""
    faults = []
    unwanted = flags.dropped_at(level)
    dropped = memory & ~kept
    for name, pfns in sorted(flags.by_class.items()):
        pfns &= memory
        if name == 'nopage':
            continue        # the kernel has no struct page there: no rule speaks of it
        if name in unwanted:
            wrong, allowed, verb = pfns & kept, MAY_BE_KEPT[name], 'kept'
        else:
            allowed = MAY_BE_DROPPED.get(name, MAY_HAVE_GONE if level > 1 else 0)
            wrong, verb = pfns & dropped, 'dropped'
            if level <= 1:
                allowed = 0     # no rule but "never read" is at work: nothing to be late for
        if bits.count(wrong) > allowed:
            faults.append(f'level {level}: {bits.count(wrong)} {name} pages are {verb} '
                          f'(at most {allowed} may be): {sample(wrong, flags)}')
    return faults


def differences(first: bits.PfnSet, second: bits.PfnSet, flags: pageflags.PageFlags) -> str:
    """Each page that only one set has, with the kernel's flags; empty when they are the same."""
    lines = []
    for pfn in bits.members(first ^ second):
        if len(lines) == 40:
            lines.append(f'... {bits.count(first ^ second)} in all')
            break
        side = 'first' if first >> pfn & 1 else 'second'
        lines.append(f'0x{pfn:x} only in the {side}: {flags.name(pfn)}')
    return '\n'.join(lines)


def _header_faults(dump: kdump.Kdump, core: source.Source) -> list[str]:
    main, sub, faults = dump.main, dump.sub, []
    expected = {'header_version': 6, 'block_size': core.page, 'nr_cpus': core.cpus(), 'total_ram_blocks': 0,
                'device_blocks': 0, 'written_blocks': 0}
    for name, value in expected.items():
        if main[name] != value:
            faults.append(f'{name} is {main[name]}, not {value}')
    if main['status'] & kdump.STATUS_INCOMPLETE:
        faults.append('the incomplete flag is set')
    end = sub['max_mapnr_64'] + dump.first_pfn
    if end < dump.kept.bit_length() or end > core.max_mapnr():
        faults.append(f'page frames end at {end}: kept pages end at {dump.kept.bit_length()}, '
                      f'the source at {core.max_mapnr()}')
    if main['max_mapnr'] != min(sub['max_mapnr_64'], 0xffffffff):
        faults.append('max_mapnr and max_mapnr_64 differ')
    for name in ('split', 'start_pfn', 'end_pfn', 'start_pfn_64', 'end_pfn_64', 'offset_eraseinfo', 'size_eraseinfo'):
        if sub[name]:
            faults.append(f'{name} is {sub[name]} in a dump that is whole and unerased')
    return faults


def _bitmap_faults(dump: kdump.Kdump, core: source.Source) -> list[str]:
    faults = []
    if dump.memory & ~core.present():
        faults.append('bitmap 1 has page frames that the source has not')
    if dump.kept & ~core.present():
        faults.append('bitmap 2 has page frames that the source has not')
    if dump.kept & ~dump.memory:
        faults.append('bitmap 2 has page frames that bitmap 1 has not')
    return faults


def _descriptor_faults(dump: kdump.Kdump) -> list[str]:
    faults: dict[str, int] = {}
    data = dump.descriptors_offset + dump.kept_count * kdump.DESCRIPTOR.size
    block = dump.main['block_size']
    for d in dump.descriptors():
        wrong = None
        if d.offset < data or d.offset + d.size > dump.size:
            wrong = 'page data before its place or past the end of the file'
        elif d.flags not in kdump.CODEC_FLAGS.values():
            wrong = f'unknown codec {d.flags:#x}'
        elif d.flags == 0 and d.size != block:
            wrong = f'raw page of {d.size} bytes'
        elif d.flags and not 0 < d.size < block:
            wrong = f'compressed page of {d.size} bytes'
        elif d.page_flags:
            wrong = 'page_flags is not zero'
        if wrong:
            faults[wrong] = faults.get(wrong, 0) + 1
    return [f'{number} descriptors: {what}' for what, number in faults.items()]


def format_faults(dump: kdump.Kdump, core: source.Source) -> list[str]:
    """What the format demands of any dump of this source, whatever its level and codec."""
    return _header_faults(dump, core) + _bitmap_faults(dump, core) + _descriptor_faults(dump)


def descriptor_faults(path: str, signature: bytes = kdump.SIGNATURE) -> list[str]:
    """Descriptors of data that is not there. ValueError: the dump ends before its bitmaps do."""
    dump = kdump.read(path, signature)
    past = [d for d in dump.descriptors(may_be_cut=True) if d.offset and d.offset + d.size > dump.size]
    return [f'{len(past)} descriptors point past the end of the file'] if past else []


def incomplete_faults(path: str) -> list[str]:
    """A dump whose writer was stopped: it must say so, and may not point at data that is not there."""
    if not kdump.status(path) & kdump.STATUS_INCOMPLETE:
        return ['a half-written dump does not carry the incomplete flag']
    try:
        return descriptor_faults(path)
    except ValueError:
        return []       # stopped before the bitmaps: readers refuse it, and it is flagged
