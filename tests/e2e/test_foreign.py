# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines of which nothing is known but how their numbers look: levels 0 and 1 save them, and pages of any size go
through every form of output. A note that contradicts the headers of its core is not believed."""
from __future__ import annotations

import itertools
import os
import shutil
import struct
import tempfile
import unittest
from pathlib import Path

from lib import env, forms, run, stats
from lib.foreign import AARCH64, UNKNOWN, X86_64, Foreign, memory

import elfcore      # tests/vmcores, found through lib

MACHINE_AT = 12 + 65 * 4        # utsname.machine in the main header
NOT_KNOWN = 'machine 65177 "" is not known'

folder: str


def setUpModule() -> None:
    global folder
    env.program()
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name)


class ForeignTest(unittest.TestCase):
    def check_elf(self, path: str, source: str) -> elfcore.ElfCore:
        core = elfcore.ElfCore.read(Path(path))
        self.assertEqual(memory(path), memory(source))
        self.assertEqual(core.notes(), elfcore.ElfCore.read(Path(source)).notes())
        return core

    def check_kdump(self, files: list[str], source: str, shape: Foreign) -> None:
        """By libkdumpfile, of which Debian's 0.5.1 takes every 32-bit dump for i386's, and which goes by the note's
        PAGESIZE whatever the header says; and by way of an ELF core."""
        if shape.bits == 64 and (shape.machine != X86_64 or 'PAGESIZE=4096' in shape.note):
            result = run.compare_pages(files, source)
            self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
            self.assertEqual(result.counts['pages'], shape.pages)
        back = at('back')
        done = run.vmsift('--message-level', '0', '-f', '-d', '0', '-E', files[0], back) if len(files) == 1 else \
            run.vmsift('--message-level', '0', '-f', '--reassemble', '-E', *files, back)
        if done.status != 0 and len(files) > 1:     # an ELF core is not put together from members
            return
        self.assertEqual(done.status, 0, done)
        self.assertEqual(memory(back), memory(source))


class UnknownMachines(ForeignTest):
    SHAPES = tuple(Foreign(bits=bits, order=order) for bits, order in itertools.product((64, 32), '<>'))

    def each(self):
        for shape in self.SHAPES:
            with self.subTest(str(shape)):
                yield shape, shape.write(at('core'))

    def test_levels_0_and_1(self) -> None:
        for shape, source in self.each():
            for level in (0, 1):
                made = run.make_dump(source, at('dump'), level, 'zlib', '-f')
                self.check_kdump([made], source, shape)
                (made,) = forms.make(forms.FORMS['elf'], level, [source], at('elf'))
                core = self.check_elf(made, source)
                self.assertEqual((core.machine, core.bits, core.order, core.flags),
                                 (UNKNOWN, shape.bits, shape.order, shape.flags))

    def test_higher_levels_keep_all_pages_and_say_so(self) -> None:
        for shape, source in self.each():
            for form in ('kdump lzo', 'elf'):
                done = run.vmsift('-f', '-d', '31', *forms.FORMS[form].options, source, at('dump'))
                self.assertEqual(done.status, 0, done)
                self.assertIn(f'all page classes are kept: {NOT_KNOWN}', done.err)
                if form == 'elf':
                    self.check_elf(at('dump'), source)
                else:
                    self.check_kdump([at('dump')], source, shape)

    def test_what_needs_the_kernel_says_why_not(self) -> None:
        for _, source in self.each():
            for argv in (('--vtop', 'ffff800000000000', source), ('--dump-dmesg', source, at('log'))):
                done = run.vmsift(*argv)
                self.assertNotEqual(done.status, 0, done)
                self.assertIn(NOT_KNOWN, done.err)
            self.assertFalse(os.path.exists(at('log')))

    def test_a_kdump_keeps_the_name_of_its_machine(self) -> None:
        for shape, source in self.each():
            raw = bytearray(Path(run.make_dump(source, at('dump'), 1, 'none', '-f')).read_bytes())
            raw[MACHINE_AT:MACHINE_AT + 9] = b'frob9000\0'
            Path(at('named')).write_bytes(raw)
            for level in (1, 31):
                done = run.vmsift('-f', '-c', '-d', str(level), at('named'), at('again'))
                self.assertEqual(done.status, 0, done)
                self.assertEqual('machine 0 "frob9000" is not known' in done.err, True, done)
                self.assertEqual(Path(at('again')).read_bytes()[MACHINE_AT:MACHINE_AT + 9], b'frob9000\0')
                self.check_kdump([at('again')], source, shape)


class PageSizes(ForeignTest):
    """Of architectures with such pages, and of a machine that is not known."""
    SHAPES = (Foreign(UNKNOWN, order='>', page=8192), Foreign(AARCH64, page=16384), Foreign(AARCH64, page=65536),
              Foreign(UNKNOWN, bits=32, order='>', page=65536))

    def test_every_form(self) -> None:
        for shape in self.SHAPES:
            source = shape.write(at('core'))
            for (name, form), level in itertools.product(forms.FORMS.items(), (0, 1)):
                with self.subTest(f'{shape}, {name}, level {level}'):
                    files = forms.make(form, level, [source], at('form'))
                    opened = forms.plain(form, files)
                    if form.elf:
                        self.check_elf(opened[0], source)
                    else:
                        order, status = shape.order, 424 if shape.bits == 64 else 412
                        for path in opened:
                            self.assertEqual(struct.unpack_from(order + 'I', Path(path).read_bytes(), status + 4),
                                             (shape.page,))
                        self.check_kdump(opened, source, shape)
                    forms.remove(files)

    def test_put_together_again(self) -> None:
        for shape in self.SHAPES:
            with self.subTest(str(shape)):
                source = shape.write(at('core'))
                members = forms.make(forms.FORMS['split in 2'], 1, [source], at('member'))
                direct = run.make_dump(source, at('direct'), 1, 'lzo', '-f')
                done = run.vmsift('--reassemble', '-f', *members, at('whole'))
                self.assertEqual(done.status, 0, done)
                self.assertEqual(forms.digest(at('whole')), forms.digest(direct))

    def test_what_is_only_counted(self) -> None:
        for shape in self.SHAPES:
            with self.subTest(str(shape)):
                source = shape.write(at('core'))
                done = run.vmsift('--levels=lzo,zlib', f'--stats=json:{at("levels")}', source)
                self.assertEqual(done.status, 0, done)
                foretold = stats.read_levels(Path(at('levels')).read_text(encoding='utf-8'))
                for level, codec in itertools.product((0, 1), ('lzo', 'zlib')):
                    size = os.path.getsize(run.make_dump(source, at('dump'), level, codec, '-f'))
                    self.assertEqual((foretold[level, codec].pages, foretold[level, codec].bytes), (shape.pages, size))
                done = run.vmsift('-f', '-d', '1', f'--stats=json:{at("stats")}', source, at('dump'))
                self.assertEqual(done.status, 0, done)
                self.assertIn(f'"page_size": {shape.page}', Path(at('stats')).read_text(encoding='utf-8'))


class ArmCompressed(ForeignTest):
    """Real dumps of arm, whose page frames the readers of its dumps count from phys_base on."""

    def test_a_compressed_dump_is_understood_like_its_core(self) -> None:
        for name in ('armhf-6.12', 'armhf-6.1-lpae'):
            if name not in env.other_architectures():
                continue
            with self.subTest(name):
                core = env.vmcore_of_any_architecture(name).path
                run.make_dump(core, at('dump'), 31, 'lzo', '-f')
                raw = Path(at('dump')).read_bytes()[:8192]
                self.assertEqual(raw[272:278], b'armv7l')
                self.assertEqual(struct.unpack_from('<I', raw, 4096), (0x40000000,))
                self.assertEqual(struct.unpack_from('<Q', raw, 4096 + 88), (0x18000,))
                self.assertEqual(run.vmsift('--dump-dmesg', core, at('log 1')).status, 0)
                done = run.vmsift('--dump-dmesg', at('dump'), at('log 2'))
                self.assertEqual(done.status, 0, done)
                self.assertEqual(Path(at('log 1')).read_bytes(), Path(at('log 2')).read_bytes())
                done = run.vmsift('-f', '-l', '-d', '31', at('dump'), at('again'))
                self.assertEqual(done.status, 0, done)
                self.assertEqual(forms.digest(at('dump')), forms.digest(at('again')))
                for log in ('log 1', 'log 2'):
                    os.unlink(at(log))


class Contradictions(ForeignTest):
    """Both values are named, every page is kept, and levels 0 and 1 are as ever."""
    SHAPES = {
        'PAGESIZE=65536, but x86_64 has pages of 4096 bytes':
            Foreign(X86_64, note='OSRELEASE=6.1.0\nPAGESIZE=65536\nSYMBOL(swapper_pg_dir)=ffffffff82000000\n'
                                 'NUMBER(phys_base)=0\n'),
        '0xffffffff81000000 is at 0x1000000 by the note and at 0x400000 by its PT_LOAD':
            Foreign(X86_64, vaddr=0xffffffff81000000,
                    note='OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff82000000\n'
                         'NUMBER(phys_base)=0\n'),
        'a PT_LOAD is at 0xff11000000400000, and by the note the kernel\'s addresses begin at 0xffff800000000000':
            Foreign(X86_64, vaddr=0xff11000000400000,
                    note='OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff82000000\n'
                         'NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n'),
    }

    def test_all_pages_are_kept(self) -> None:
        for message, shape in self.SHAPES.items():
            with self.subTest(message):
                source = shape.write(at('core'))
                done = run.vmsift('-f', '-l', '-d', '31', source, at('dump'))
                self.assertEqual(done.status, 0, done)
                self.assertIn(f'all page classes are kept: the note contradicts the dump\'s header: {message}', done.err)
                self.check_kdump([at('dump')], source, shape)
                for level in (0, 1):
                    self.check_kdump([run.make_dump(source, at('dump'), level, 'zlib', '-f')], source, shape)

    def test_what_needs_the_note_fails(self) -> None:
        for message, shape in self.SHAPES.items():
            with self.subTest(message):
                source = shape.write(at('core'))
                for argv in (('--vtop', 'ffffffff81000000', source), ('--dump-dmesg', source, at('log')),
                             ('--mem-usage', source)):
                    done = run.vmsift(*argv)
                    self.assertNotEqual(done.status, 0, done)
                    self.assertIn(message, done.err)


if __name__ == '__main__':
    unittest.main()
