# SPDX-License-Identifier: GPL-2.0-or-later
"""Every other architecture: kept pages against the guest's page flags, their bytes against the source, the log against
what the guest read, and addresses against bytes that are known to stand there.

VMSIFT_ARCHITECTURES=1 adds the vmcores of the set `architectures` to those of the set `test`.
"""
from __future__ import annotations

import os
import re
import struct
import tempfile
import unittest

from lib import bits, env, forms, judge, kallsyms, kdump, kmsg, run
from lib.architectures import EachArchitecture, utsname_at

LEVELS = (1, 16, 31)
# Where an architecture maps all memory, if that is the same in every kernel and boot.
DIRECT_MAP = {'ppc64el': 0xc000000000000000, 'mips64el': 0x9800000000000000, 'loong64': 0x9000000000000000}
# libkdumpfile 0.5 finds no page there: it counts arm's page frames from 0. lib/kdump.py reads all of them.
NOT_OF_LIBKDUMPFILE = ('armhf',)
# makedumpfile 1.7.8 of their own architecture, run by QEMU, is right there. It refuses arm64 of 52 bits and arm with
# LPAE, misreads riscv64 and ppc64el with radix tables of 4 KiB, and knows neither mips64 nor loongarch64.
OF_PEER = ('arm64-6.1', 'armhf-6.1', 'armhf-6.12', 'i386-6.1-pae', 'i386-6.1-nopae', 'i386-6.1-highmem', 's390x-6.1',
           's390x-6.12', 's390x-7', 'ppc64el-6.1', 'ppc64el-6.1-hash', 'ppc64el-6.12-hash', 'ppc64el-6.12-64k')
LEVELS_OF_PEER = (1, 2, 4, 8, 16, 31)
FORMS_OF_ALL = ('flat', 'flat zstd', 'split in 3', 'dedup', 'elf', 'flat elf')
MODULE_NAME_WITHIN = 64     # bytes of struct module: its state, a list head, then its name


def unmarked(core: env.Vmcore) -> bits.PfnSet:
    """Page frames whose class the note says no mark of: before 6.12 kernels without hugetlb say none of the balloon's,
    which is kept therefore."""
    known = core.source.info('NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)')
    return 0 if known else core.flags.of('offline')


def not_zero(dump: str) -> dict[int, bytes]:
    return {pfn: data for pfn, data in kdump.read(dump).pages() if data.count(0) != len(data)}


def peer_of(arch: str) -> str:
    path = env.peer_tool(f'makedumpfile-sid-{arch}')
    if path:
        return path
    what = f'no makedumpfile of {arch}: scripts/fetch-peers makedumpfile-{arch} gets it'
    raise env.missing(what) if os.environ.get('VMSIFT_ARCHITECTURES') == '1' else unittest.SkipTest(what)


def physical(core: env.Vmcore, address: int) -> int:
    done = run.vmsift('--vtop', f'{address:#x}', core.path)
    place = re.search(rf'(?m)^{address:x} +([0-9a-f]+)$', done.out)
    if done.status != 0 or done.error_lines or not place:
        raise AssertionError(f'{core.name}: not translated:\n{done}')
    return int(place[1], 16)


def direct_map(core: env.Vmcore) -> int | None:
    """What is added to a physical address, where that is known without a look into memory."""
    load = core.source.loads[0]
    if core.source.headers.bits == 32 or core.facts['arch'] == 'i386':
        return load.vaddr - load.paddr          # makers of vmcores of 32 bits know the virtual address
    if core.facts['arch'] == 's390x' and core.version < (6, 10):
        return 0                                # later ones may move it
    if core.facts['arch'] == 'arm64' and core.version < (6, 9):
        # all of a table's upper half begins with it, where memory begins
        return (1 << 64) - (1 << int(core.source.info('NUMBER(VA_BITS)'))) - load.paddr
    return DIRECT_MAP.get(core.facts['arch'])


def bytes_at(core: env.Vmcore, address: int, size: int) -> bytes:
    return core.source.read(physical(core, address), size)


def pointer(core: env.Vmcore, address: int) -> int:
    bits_of = core.source.headers.bits
    if core.facts['arch'] == 'i386':
        bits_of = 32        # whose cores are of 64 bits where the kernel has PAE
    raw = bytes_at(core, address, bits_of // 8)
    return struct.unpack(core.source.headers.order + {32: 'I', 64: 'Q'}[bits_of], raw)[0]


class Architectures(EachArchitecture):
    def test_kept_pages_are_those_of_the_guests_own_flags(self) -> None:
        def check(core: env.Vmcore) -> None:
            memory = core.source.present()
            for level in LEVELS:
                dump = self.dumps.read(core, level)
                self.assertEqual(dump.first_pfn, core.source.first_pfn)
                self.assertEqual(judge.format_faults(dump, core.source), [])
                faults = judge.oracle_faults(core.flags, memory & ~unmarked(core), dump.kept, level)
                if faults:
                    self.fail('\n'.join(faults))
                self.dumps.forget(core, level)
        self.each(check)

    def test_kept_pages_are_those_of_makedumpfile(self) -> None:
        def check(core: env.Vmcore) -> None:
            if core.name not in OF_PEER:
                return
            program = peer_of(core.facts['arch'])
            for level in LEVELS_OF_PEER:
                target = os.path.join(self.dumps.folder, 'peer')
                done = run.run(program, '-d', str(level), '--message-level', '4', core.path, target)
                self.assertEqual(done.status, 0, done)
                theirs = kdump.read(target)
                os.unlink(target)
                # Where no bit names a class, makedumpfile reads no struct page, and keeps what must not be read.
                either = core.flags.of('offline', 'hwpoison') if level == 1 else 0
                first, second = self.dumps.read(core, level).kept | either, theirs.kept | either
                self.dumps.forget(core, level)
                self.assertEqual(first, second, f'level {level}, vmsift first, makedumpfile second:\n'
                                 + judge.differences(first, second, core.flags))
        self.each(check)

    def test_kept_pages_have_the_bytes_of_the_source(self) -> None:
        def check(core: env.Vmcore) -> None:
            page = core.source.page
            dump = self.dumps.read(core, 31, 'zlib')
            pages = 0
            with open(core.path, 'rb') as file:
                for pfn, data in dump.pages():
                    file.seek(core.source.file_offset(pfn * page))
                    self.assertEqual(data, file.read(page), f'page frame {pfn:#x}')
                    pages += 1
            self.assertEqual(pages, dump.kept_count)
            self.assertGreater(pages, 100)
            self.dumps.forget(core, 31, 'zlib')
        self.each(check)

    def test_a_dump_of_every_form_is_the_same_dump(self) -> None:
        def check(core: env.Vmcore) -> None:
            direct = self.dumps.path(core, 31)
            for name in FORMS_OF_ALL:
                form = forms.FORMS[name]
                files = forms.make(form, 31, [core.path], os.path.join(self.dumps.folder, 'form'))
                (again,) = forms.make(forms.FORMS['kdump lzo'], 31, files, os.path.join(self.dumps.folder, 'again'))
                if form.elf:    # which holds no long rows of zero pages
                    self.assertEqual(not_zero(again), not_zero(direct), name)
                else:
                    self.assertEqual(forms.digest(again), forms.digest(direct), name)
                forms.remove([*files, again])
            self.dumps.forget(core, 31)
        self.each(check)

    def test_libkdumpfile_reads_the_bytes_of_the_source(self) -> None:
        def check(core: env.Vmcore) -> None:
            if core.facts['arch'] in NOT_OF_LIBKDUMPFILE:
                return
            dump = self.dumps.read(core, 31)
            result = run.compare_pages(dump.path, core.path)
            self.dumps.forget(core, 31)
            self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
            self.assertEqual(bits.from_bitmap(result.readable), dump.kept)
        self.each(check)

    def test_the_log_is_what_the_guest_itself_read(self) -> None:
        def check(core: env.Vmcore) -> None:
            target = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'log')
            done = run.vmsift('--dump-dmesg', core.path, target)
            self.assertEqual((done.status, done.error_lines), (0, []), done)
            with open(target, encoding='ascii') as file:
                text = file.read()
            own = kmsg.lines(core)
            self.assertGreater(own.count('\n'), 100)
            self.assertEqual(text[:len(own)], own)
            self.assertLess(text[len(own):].count('\n'), 20, 'much was logged while the page flags were saved')
        self.each(check)

    def test_an_address_of_the_image_leads_to_its_bytes(self) -> None:
        def check(core: env.Vmcore) -> None:
            self.assertEqual(bytes_at(core, utsname_at(core, 0), 6), b'Linux\0')
            release = core.release.encode() + b'\0'
            self.assertEqual(bytes_at(core, utsname_at(core, 2), len(release)), release)
            banner = kallsyms.named(kallsyms.load(core), 'linux_banner')
            if banner:      # not where a kernel was built to list its functions alone
                expected = b'Linux version ' + core.release.encode()
                self.assertEqual(bytes_at(core, banner.address, len(expected)), expected)
        self.each(check)

    def test_an_address_of_a_module_leads_to_its_bytes(self) -> None:
        def check(core: env.Vmcore) -> None:
            symbols = kallsyms.load(core)
            own = [s for s in symbols if s.name == '__this_module']
            for symbol in own:
                head = bytes_at(core, symbol.address, MODULE_NAME_WITHIN)
                self.assertIn(symbol.module.encode() + b'\0', head)
            if own:
                return
            # Functions alone are listed: their pages are pages of the kernel that show no flag, each its own.
            pages = {s.address // core.source.page for s in symbols if s.module and not s.module.startswith('__')}
            self.assertGreater(len(pages), 10)
            frames = [physical(core, page * core.source.page) // core.source.page for page in sorted(pages)[:40]]
            self.assertEqual(len(set(frames)), len(frames))
            others = bits.from_pfns(frames) & ~core.flags.of('kernel', 'kernel_compound', 'reserved')
            self.assertEqual(others, 0, judge.sample(others, core.flags))
        self.each(check)

    def test_an_address_of_the_direct_map_leads_to_its_bytes(self) -> None:
        def check(core: env.Vmcore) -> None:
            base = direct_map(core)
            if base is not None:
                load = core.source.loads[0]
                for place in (load.paddr + (2 << 20), load.paddr + load.memsz // 2):
                    self.assertEqual(physical(core, base + place), place)
                return
            line = kallsyms.named(kallsyms.load(core), 'saved_command_line')    # points to what boot allocated
            expected = core.facts['guest']['cmdline'].rstrip('\n').encode() + b'\0'
            self.assertEqual(bytes_at(core, pointer(core, line.address), len(expected)), expected)
        self.each(check)


if __name__ == '__main__':
    unittest.main()
