# SPDX-License-Identifier: GPL-2.0-or-later
"""A program built for another host writes the bytes that the one built for this host writes.

VMSIFT                 the program of this host (default: build/release/vmsift)
VMSIFT_ELSEWHERE       how the other one is started, in one line: EMULATOR OPTIONS PROGRAM (scripts/test --cross sets it)
VMSIFT_ELSEWHERE_ARCH  what it is built for, as CMake calls it: s390x, arm, aarch64

LZ4 chooses by the host what it compresses to: it hashes words in the host's byte order, and of data above 64 KiB five
bytes where words have 64 bits, four elsewhere. What comes out of such dumps is compared.
"""
from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests/e2e'))

from lib import env, forms, run  # noqa: E402
from lib.forms import FORMS, Form  # noqa: E402

BIG_ENDIAN = ('s390x',)
WORDS_OF_32_BITS = ('arm', 'i686')
CASES = TOP / 'tests/synthetic/cases'
MORE_FORMS = {'dedup lzo': Form(('--dedup', '-l')), 'rows of zeros': Form(('-z', '-d', '30'))}

folder: Path
elsewhere: str      # a script that starts the other program
arch: str


def setUpModule() -> None:
    global folder, elsewhere, arch
    command = os.environ.get('VMSIFT_ELSEWHERE')
    if not command:
        raise env.missing('no program of another host: scripts/test --cross')
    env.program()
    arch = os.environ['VMSIFT_ELSEWHERE_ARCH']
    folder = Path(tempfile.mkdtemp(dir=env.scratch()))
    script = folder / 'vmsift-elsewhere'
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command.split())} "$@"\n', encoding='utf-8')
    script.chmod(0o755)
    elsewhere = str(script)


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def library_chooses(form: Form) -> bool:
    """Whether LZ4's output for this host is another (see above)."""
    if arch in BIG_ENDIAN:
        return bool({'--lz4', 'lz4'} & set(form.options))
    return arch in WORDS_OF_32_BITS and form.wrapper == 'lz4'


class SameBytes(unittest.TestCase):
    def made(self, form: Form, level: int, sources: list[str], program: str) -> list[str]:
        name = str(folder / ('there' if program == elsewhere else 'here'))
        files = forms.make(form, level, sources, name, program=program)
        self.addCleanup(forms.remove, files)
        return files

    def in_lzo(self, files: list[str]) -> list[bytes]:
        """What is in them: as one dump that depends on no library."""
        dump = self.made(FORMS['kdump lzo'], 0, files, env.program())
        digests = [forms.digest(path) for path in dump]
        forms.remove(dump)
        return digests

    def check(self, form: Form, level: int, sources: list[str]) -> None:
        here = self.made(form, level, sources, env.program())
        there = self.made(form, level, sources, elsewhere)
        same = [forms.digest(path) for path in here] == [forms.digest(path) for path in there]
        if library_chooses(form):
            self.assertFalse(same, 'the library no longer chooses: say so above')
            kept = [path + '.kept' for path in here + there]
            for path, name in zip(here + there, kept, strict=True):
                os.rename(path, name)
            self.addCleanup(forms.remove, kept)
            same = self.in_lzo(kept[:len(here)]) == self.in_lzo(kept[len(here):])
            forms.remove(kept)
        self.assertTrue(same)
        forms.remove(here + there)

    def test_every_form_of_a_vmcore(self) -> None:
        core = env.vmcore_of('6.1').path
        for name, form in {**FORMS, **MORE_FORMS}.items():
            with self.subTest(name):
                self.check(form, 31, [core])

    def test_level_1(self) -> None:
        self.check(FORMS['kdump zstd'], 1, [env.vmcore_of('7').path])

    def test_from_every_form(self) -> None:
        """What is read there: frames, streams, sets, codecs."""
        core = env.vmcore_of('6.1').path
        for name in ('kdump snappy', 'split in 3', 'flat zstd', 'elf lz4'):
            with self.subTest(name):
                sources = forms.make(FORMS[name], 31, [core], str(folder / 'source'))
                self.addCleanup(forms.remove, sources)
                self.check(FORMS['kdump lzo'], 31, sources)

    def test_of_other_machines(self) -> None:
        """One vmcore of each, of either byte order and word size."""
        found: dict[str, str] = {}
        for path in sorted(Path(os.environ.get('VMSIFT_VMCORES') or Path(env.cache_dir(), 'vmcores')).glob('*.elf')):
            found[path.name.partition('-')[0]] = str(path)
        found.pop('amd64', None)
        if not found:
            raise env.missing('no vmcores of other machines')
        for machine, path in found.items():
            with self.subTest(machine):
                self.check(FORMS['kdump lzo'], 31, [path])

    def test_synthetic_kernels_of_the_other_byte_order(self) -> None:
        cases = [path for path in sorted(CASES.glob('*.txt'))
                 if re.search(r'\bbig-endian\b|^s390x|^ppc', path.read_text(encoding='utf-8'), re.M)]
        self.assertTrue(cases)
        for case in cases:
            core = str(folder / 'synthetic.elf')
            made = run.run(env.helper('make_synthetic'), str(case), core, str(folder / 'expected.json'))
            self.assertEqual(made.status, 0, f'{made}')
            for form in ('kdump zlib', 'elf'):
                with self.subTest(case.name, form=form):
                    self.check(FORMS[form], 31, [core])


class SameText(unittest.TestCase):
    def test_what_is_printed(self) -> None:
        core = env.vmcore_of('6.12').path
        log = str(folder / 'log')
        for args in (('--dump-dmesg', '-f', core, log), ('--mem-usage', core), ('--levels=lzo', core),
                     ('--estimate', core), ('--vtop', 'ffffffff81000000', core)):
            with self.subTest(' '.join(args)):
                texts = []
                for program in (env.program(), elsewhere):
                    done = run.run(program, '--message-level', '6', *args)
                    self.assertEqual(done.status, 0, f'{done}')
                    out, _, _ = done.out.partition('Memory that vmsift needs')    # which depends on its pointers
                    texts.append(out + (Path(log).read_text(encoding='utf-8') if log in args else ''))
                self.assertEqual(*texts)


if __name__ == '__main__':
    unittest.main()
