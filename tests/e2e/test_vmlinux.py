# SPDX-License-Identifier: GPL-2.0-or-later
"""-x VMLINUX, -g FILE and -i FILE on real vmcores: the kernel's layout out of its debug information.

The truth is the kernel's own note: what a vmlinux says must agree with it, and a dump made with the help of a
vmlinux, with or without that note, must be the one that the note alone gives.
"""
from __future__ import annotations

import os
import shutil
import tempfile
import unittest

from lib import env, kdump, run

LEVEL = 31

# What a boot decides, which no vmlinux can know. SYMBOL(vmemmap) and VMALLOC_START: places that KASLR chooses.
OF_THE_BOOT = {'CRASHTIME', 'KERNELOFFSET', 'LENGTH(mem_section)', 'NUMBER(KERNEL_IMAGE_SIZE)',
               'NUMBER(MAX_PHYSMEM_BITS)', 'NUMBER(SECTION_SIZE_BITS)', 'NUMBER(VMALLOC_START)', 'NUMBER(phys_base)',
               'NUMBER(pgtable_l5_enabled)', 'NUMBER(sme_mask)', 'SYMBOL(vmemmap)'}
# The note has the address of the array, a vmlinux that of the pointer to it.
OTHER_MEANING = {'SYMBOL(mem_section)'}
FOUND_IN_MEMORY = ('KERNELOFFSET', 'NUMBER(phys_base)', 'NUMBER(pgtable_l5_enabled)', 'NUMBER(sme_mask)',
                   'NUMBER(MAX_PHYSMEM_BITS)', 'LENGTH(mem_section)', 'SYMBOL(swapper_pg_dir)')

folder: str


def setUpModule() -> None:
    global folder
    env.program()
    env.vmcores()
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def vmlinux_of(core: env.Vmcore) -> str:
    path = env.peer_tool(f'vmlinux-{core.release}')
    if not path:
        raise env.missing(f'no vmlinux-{core.release} in peers/')
    return path


def with_vmlinux() -> list[env.Vmcore]:
    """All vmcores whose vmlinux is here; that of 6.1 always has to be."""
    vmlinux_of(env.vmcore_of('6.1'))
    return [core for core in env.vmcores() if env.peer_tool(f'vmlinux-{core.release}')]


def entries(text: str) -> dict[str, str]:
    return dict(line.split('=', 1) for line in text.splitlines() if '=' in line)


def note_of(core: env.Vmcore) -> dict[str, str]:
    return entries(core.source.vmcoreinfo().decode('latin1'))


def made_note(vmlinux: str) -> dict[str, str]:
    path = os.path.join(folder, 'note-' + os.path.basename(vmlinux))
    if not os.path.exists(path):
        done = run.vmsift('-g', path, '-x', vmlinux)
        if done.status != 0:
            raise AssertionError(f'no note was made:\n{done}')
    with open(path, encoding='ascii') as file:
        return entries(file.read())


def without_note(core: env.Vmcore) -> str:
    """A copy whose VMCOREINFO note has another name, so that nobody takes it for one."""
    path = os.path.join(folder, f'{core.name}-without-note')
    if not os.path.exists(path):
        shutil.copyfile(core.path, path)
        with open(path, 'r+b') as file:
            at = file.read(1 << 20).index(b'VMCOREINFO\0')
            file.seek(at)
            file.write(b'X')
    return path


class Vmlinux(unittest.TestCase):
    def setUp(self) -> None:
        self.target = os.path.join(tempfile.mkdtemp(dir=folder), 'dump')

    def tearDown(self) -> None:
        shutil.rmtree(os.path.dirname(self.target), ignore_errors=True)

    def dump(self, source: str, *options: str) -> kdump.Kdump:
        if os.path.exists(self.target):
            os.unlink(self.target)
        return kdump.read(run.make_dump(source, self.target, LEVEL, 'lzo', *options))

    def refused(self, status: int, args: list[str], *named: str) -> None:
        done = run.vmsift('-d', str(LEVEL), '-l', *args, self.target)
        self.assertEqual(done.status, status, done)
        self.assertEqual(len(done.error_lines), 1, done)
        for word in named:
            self.assertIn(word, done.err)
        self.assertFalse(os.path.exists(self.target), 'nothing was to be written')


class Notes(Vmlinux):
    def test_a_vmlinux_says_what_the_kernel_itself_says(self) -> None:
        for core in with_vmlinux():
            with self.subTest(core.name):
                note, made = note_of(core), made_note(vmlinux_of(core))
                shift = int(note['KERNELOFFSET'], 16)
                wrong = []
                for key in note.keys() & made.keys() - OTHER_MEANING:
                    value = made[key]
                    if key.startswith('SYMBOL('):
                        value = f'{int(value, 16) + shift:x}'
                    if value != note[key]:
                        wrong.append(f'{key}: the kernel {note[key]}, we {value}')
                self.assertEqual(wrong, [])
                self.assertEqual(note.keys() - made.keys() - OF_THE_BOOT, set())

    def test_makedumpfile_makes_the_same_of_it(self) -> None:
        core = env.vmcore_of('6.1')
        if not shutil.which('makedumpfile'):
            raise env.missing('no makedumpfile')
        path = os.path.join(folder, 'peer-note')
        done = run.run('makedumpfile', '-g', path, '-x', vmlinux_of(core))
        self.assertEqual(done.status, 0, done)
        with open(path, encoding='ascii') as file:
            theirs = entries(file.read())
        ours = made_note(vmlinux_of(core))
        # 1.7.2 takes the length from a declaration that has none, and writes 2^63 - 2.
        common = theirs.keys() & ours.keys() - {'LENGTH(node_data)'}
        self.assertGreater(len(common), 60)
        self.assertEqual({k: ours[k] for k in common}, {k: theirs[k] for k in common})

    def test_an_existing_file_is_replaced_only_by_force(self) -> None:
        vmlinux = vmlinux_of(env.vmcore_of('6.1'))
        with open(self.target, 'w', encoding='ascii') as file:
            file.write('old')
        done = run.vmsift('-g', self.target, '-x', vmlinux)
        self.assertEqual(done.status, 1, done)
        self.assertIn('-f', done.err)
        done = run.vmsift('-f', '-g', self.target, '-x', vmlinux)
        self.assertEqual(done.status, 0, done)
        self.assertIn(f'The vmcoreinfo is saved to {self.target}.', done.out)
        self.assertIn('Completed.', done.out)
        with open(self.target, encoding='ascii') as file:
            self.assertTrue(file.read().startswith('OSRELEASE=6.1'))


class Dumps(Vmlinux):
    def test_a_dump_with_its_note_is_the_same_with_a_vmlinux(self) -> None:
        for core in with_vmlinux():
            with self.subTest(core.name):
                self.dump(core.path)
                alone = os.path.join(folder, 'alone')
                os.replace(self.target, alone)
                self.dump(core.path, '-x', vmlinux_of(core))
                self.assertEqual(run.run('cmp', alone, self.target).status, 0, 'other bytes')
                path = os.path.join(folder, 'note-' + os.path.basename(vmlinux_of(core)))
                made_note(vmlinux_of(core))
                self.dump(core.path, '-i', path)
                self.assertEqual(run.run('cmp', alone, self.target).status, 0, 'other bytes with -i')

    def test_a_dump_without_its_note_keeps_the_same_pages(self) -> None:
        for core in with_vmlinux():
            with self.subTest(core.name):
                expected = self.dump(core.path)
                vmlinux = vmlinux_of(core)
                made_note(vmlinux)
                for options in (('-x', vmlinux),
                                ('-i', os.path.join(folder, 'note-' + os.path.basename(vmlinux)))):
                    got = self.dump(without_note(core), *options)
                    self.assertEqual(got.kept, expected.kept, options)
                    self.assertEqual(got.sub['phys_base'], expected.sub['phys_base'])
                    self.assertEqual(got.utsname, expected.utsname)
                    found = entries(got.vmcoreinfo.decode('latin1'))
                    for key in FOUND_IN_MEMORY:
                        self.assertEqual(found.get(key), note_of(core)[key], key)
                os.unlink(without_note(core))

    def test_libkdumpfile_reads_a_dump_whose_note_was_found(self) -> None:
        core = env.vmcore_of('6.1')
        self.dump(without_note(core), '-x', vmlinux_of(core))
        self.assertTrue(run.compare_pages(self.target, core.path).clean)


class OtherKernels(Vmlinux):
    def two(self) -> tuple[env.Vmcore, env.Vmcore]:
        core = env.vmcore_of('6.1')
        other = next((c for c in env.vmcores() if c.release != core.release), None)
        if other is None:
            raise env.missing('no vmcore of another kernel')
        return core, other

    def test_another_release_ends_with_2(self) -> None:
        core, other = self.two()
        vmlinux = vmlinux_of(core)
        self.refused(2, ['-x', vmlinux, other.path], core.release, other.release)
        self.refused(2, ['-x', vmlinux, without_note(other)], core.release, other.release)
        made_note(vmlinux)
        note = os.path.join(folder, 'note-' + os.path.basename(vmlinux))
        self.refused(2, ['-i', note, other.path], core.release, other.release)

    def test_another_build_ends_with_2(self) -> None:
        core = env.vmcore_of('6.1')
        note = made_note(vmlinux_of(core))
        path = os.path.join(folder, 'other-build')
        with open(path, 'w', encoding='ascii') as file:
            file.writelines(f'{key}={"0" * 40 if key == "BUILD-ID" else value}\n' for key, value in note.items())
        self.refused(2, ['-i', path, core.path], '0' * 40, core.source.info('BUILD-ID'))

    def test_a_wrong_build_id_in_the_note_of_the_dump_is_seen_through(self) -> None:
        """Stable kernels of 2024 export garbage; the right one is in the kernel's memory."""
        core = env.vmcore_of('6.1')
        path = os.path.join(folder, 'wrong-build-id')
        shutil.copyfile(core.path, path)
        with open(path, 'r+b') as file:
            head = file.read(1 << 20)
            file.seek(head.index(b'BUILD-ID=') + 9)
            file.write(b'04000000140000000300000047' + b'4e55' + b'0' * 10)
        try:
            expected = self.dump(core.path)
            self.assertEqual(self.dump(path, '-x', vmlinux_of(core)).kept, expected.kept)
        finally:
            os.unlink(path)


class Damaged(Vmlinux):
    def test_a_vmlinux_that_is_cut_short(self) -> None:
        core = env.vmcore_of('6.1')
        path = os.path.join(folder, 'cut')
        with open(vmlinux_of(core), 'rb') as file:
            head = file.read(1 << 20)
        for size in (0, 10, 64, 4096, 1 << 20):
            with open(path, 'wb') as file:
                file.write(head[:size])
            self.refused(1, ['-x', path, core.path], path)
        # All of its length, but nothing behind the code: no section headers.
        with open(path, 'wb') as file:
            file.write(head)
            file.truncate(os.path.getsize(vmlinux_of(core)))
        self.refused(1, ['-x', path, core.path], path)

    def test_what_is_no_vmlinux(self) -> None:
        core = env.vmcore_of('6.1')
        for path in (env.program(), core.path, folder, '/dev/null', os.path.join(folder, 'nowhere')):
            self.refused(1, ['-x', path, core.path], path)


class Alone(unittest.TestCase):
    def test_only_the_reader_needs_libdw(self) -> None:
        program = env.program()
        self.assertNotIn('libdw', run.run('ldd', program).out)
        reader = os.path.join(os.path.dirname(program), 'vmsift-vmcoreinfo')
        if not os.path.exists(reader):
            self.skipTest('built without VMSIFT_VMLINUX')
        self.assertIn('libdw', run.run('ldd', reader).out)

    def test_without_the_reader_x_says_what_is_missing(self) -> None:
        core = env.vmcore_of('6.1')
        program = shutil.copy2(env.program(), os.path.join(folder, 'vmsift'))
        done = run.run(program, '-x', '/dev/null', '-d', '31', core.path, os.path.join(folder, 'none'))
        self.assertEqual(done.status, 1, done)
        self.assertIn('vmsift-vmcoreinfo', done.err)
        self.assertEqual(len(done.error_lines), 1, done)


if __name__ == '__main__':
    unittest.main()
