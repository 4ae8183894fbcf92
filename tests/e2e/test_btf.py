# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own type information in place of its note, on real vmcores.

Copies of vmcores have their note stripped down. What BTF then gives back must be what the note said, and the dump
made with it must keep the same pages; without BTF it may only keep more, and says which rules are off.
"""
from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
import unittest

from lib import env, kdump, notes, run

LEVEL = 31
KERNELS = ('6.1', '6.12', '7')

# What leads to memory at all, what a boot decides, and where the symbols are.
BARE = ('OSRELEASE', 'PAGESIZE', 'CRASHTIME', 'KERNELOFFSET', 'SYMBOL(swapper_pg_dir)', 'SYMBOL(mem_section)',
        'LENGTH(mem_section)', 'NUMBER(SECTION_SIZE_BITS)', 'NUMBER(MAX_PHYSMEM_BITS)', 'NUMBER(phys_base)',
        'NUMBER(pgtable_l5_enabled)', 'NUMBER(sme_mask)', 'NUMBER(KERNEL_IMAGE_SIZE)')
# The smallest note with which every rule of the time runs.
SMALL = BARE + ('SIZE(page)', 'SIZE(mem_section)', 'OFFSET(mem_section.section_mem_map)', 'OFFSET(page.flags)',
                'OFFSET(page._mapcount)', 'OFFSET(page.mapping)', 'OFFSET(page.private)', 'OFFSET(page.lru)',
                'OFFSET(page.compound_head)', 'OFFSET(page.compound_info)', 'OFFSET(page.compound_dtor)',
                'OFFSET(page.compound_order)', 'NUMBER(PG_lru)', 'NUMBER(PG_private)', 'NUMBER(PG_swapcache)')
# No symbol or type has these: KASLR chooses the places of the first two, and the third is a hash.
NOT_IN_BTF = {'NUMBER(VMALLOC_START)', 'SYMBOL(vmemmap)', 'BUILD-ID'}

folder: str


def setUpModule() -> None:
    global folder
    env.program()
    env.vmcores()
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def with_note(core: env.Vmcore, note: dict[str, str]) -> str:
    return notes.with_note(core, note, os.path.join(folder, 'copy'))


def stripped(core: env.Vmcore, keys: tuple[str, ...]) -> str:
    return with_note(core, {key: value for key, value in notes.note_of(core).items()
                            if key in keys or key.startswith('SYMBOL(kallsyms_')})


class Btf(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(dir=folder)
        self.target = os.path.join(self.folder, 'dump')

    def tearDown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def dump(self, source: str, *options: str) -> tuple[kdump.Kdump, dict]:
        """The dump, and its statistics."""
        stats = os.path.join(self.folder, 'stats')
        run.make_dump(source, self.target, LEVEL, 'lzo', '-f', f'--stats=json:{stats}', *options)
        with open(stats, encoding='ascii') as file:
            return kdump.read(self.target), json.load(file)

    def model(self, source: str) -> tuple[dict[str, str], set[str]]:
        """What is known of the kernel in the end, and the keys of it that came from BTF."""
        done = run.vmsift('--mem-usage', '--message-level', '8', source)
        self.assertEqual(done.status, 0, done)
        known: dict[str, str] = {}
        supplied = set()
        for line in (done.out + done.err).splitlines():
            text = line.removeprefix('vmsift: debug: ').strip()
            if text.endswith(' is from BTF'):
                supplied.add(text.split(' ')[0])
            elif '=' in text and ' ' not in text.split('=')[0]:
                key, value = text.split('=', 1)
                known[key] = value
        return known, supplied


class Keys(Btf):
    def test_btf_says_what_the_note_says(self) -> None:
        for kernel in KERNELS:
            core = env.vmcore_of(kernel)
            with self.subTest(core.name):
                note = notes.note_of(core)
                known, supplied = self.model(stripped(core, BARE))
                lost = {key for key in note if key not in known}
                self.assertEqual(lost - NOT_IN_BTF, set())
                self.assertGreater(len(supplied & note.keys()), 80)
                wrong = {key: (note[key], known.get(key)) for key in supplied & note.keys()
                         if note[key] != known.get(key)}
                self.assertEqual(wrong, {})

    def test_symbols_are_those_that_the_guest_listed(self) -> None:
        for kernel in KERNELS:
            core = env.vmcore_of(kernel)
            path = core.path.removesuffix('.elf') + '.kallsyms.gz'
            if not os.path.exists(path):
                raise env.missing(f'{core.name}: no kallsyms beside it')
            with self.subTest(core.name), gzip.open(path, 'rt', encoding='ascii') as file:
                listed: dict[str, set[int]] = {}
                for line in file:
                    words = line.split()
                    if len(words) == 3:
                        listed.setdefault(words[2], set()).add(int(words[0], 16))
                known, supplied = self.model(stripped(core, BARE))
                names = {key[7:-1]: int(known[key], 16) for key in supplied if key.startswith('SYMBOL(')}
                self.assertLess({'vm_node_stat', 'node_data', 'prb', 'clear_seq', 'init_uts_ns'}, names.keys())
                for name, address in names.items():
                    if name not in ('swapper_pg_dir', 'node_online_map'):   # no symbols, but derived from others
                        self.assertEqual({address}, listed.get(name), name)


class Dumps(Btf):
    def test_a_stripped_note_gives_the_same_dump(self) -> None:
        for kernel in KERNELS:
            core = env.vmcore_of(kernel)
            whole, _ = self.dump(core.path)
            for keys in (BARE, SMALL):
                with self.subTest(core.name, keys=len(keys)):
                    source = stripped(core, keys)
                    got, stats = self.dump(source)
                    self.assertTrue(stats['btf']['used'], stats['btf'])
                    self.assertEqual(stats['btf']['contradicted'], [])
                    self.assertEqual(stats['downgrades'], [])
                    self.assertEqual(got.kept, whole.kept)

    def test_without_btf_more_is_kept_and_the_rules_named(self) -> None:
        for kernel in KERNELS:
            core = env.vmcore_of(kernel)
            whole, _ = self.dump(core.path)
            for keys in (BARE, SMALL):
                with self.subTest(core.name, keys=len(keys)):
                    got, stats = self.dump(stripped(core, keys), '--no-btf')
                    self.assertEqual(stats['btf'], {'used': False, 'reason': '--no-btf', 'supplied': [],
                                                    'contradicted': []})
                    self.assertEqual(whole.kept & ~got.kept, 0, 'pages are lost')
                    self.assertNotEqual(stats['downgrades'], [])
                    for entry in stats['downgrades']:
                        self.assertTrue(entry['rule'] and entry['reason'], entry)

    def test_with_a_whole_note_btf_changes_nothing(self) -> None:
        for core in env.vmcores():
            with self.subTest(core.name):
                _, stats = self.dump(core.path)
                self.assertEqual(stats['btf']['contradicted'], [])
                alone = os.path.join(folder, 'alone')
                os.replace(self.target, alone)
                self.dump(core.path, '--no-btf')
                self.assertEqual(run.run('cmp', alone, self.target).status, 0, 'other bytes')

    def test_a_kernel_that_does_not_say_where_its_symbols_are(self) -> None:
        _, stats = self.dump(env.vmcore_of('5.10').path)
        self.assertEqual(stats['btf'], {'used': False, 'reason': 'SYMBOL(kallsyms_names) is missing', 'supplied': [],
                                        'contradicted': []})

    def test_btf_is_left_in_a_dump_that_was_filtered(self) -> None:
        core = env.vmcore_of('7')
        whole, _ = self.dump(core.path)
        run.make_dump(stripped(core, BARE), os.path.join(folder, 'filtered'), LEVEL, 'zstd')
        again, stats = self.dump(os.path.join(folder, 'filtered'))
        self.assertTrue(stats['btf']['used'])
        self.assertEqual(again.kept, whole.kept)
        # Where the note is enough, pages are not decompressed for nothing.
        run.make_dump(core.path, os.path.join(folder, 'enough'), LEVEL, 'zstd')
        _, stats = self.dump(os.path.join(folder, 'enough'))
        self.assertEqual((stats['btf']['used'], stats['btf']['reason']), (False, 'the note is enough'))

    def test_the_log_can_be_read_too(self) -> None:
        for kernel in KERNELS:
            core = env.vmcore_of(kernel)
            with self.subTest(core.name):
                logs = []
                for source in (core.path, stripped(core, BARE)):
                    path = os.path.join(self.folder, 'log')
                    done = run.vmsift('--dump-dmesg', '-f', '--message-level', '4', source, path)
                    self.assertEqual(done.status, 0, done)
                    with open(path, 'rb') as file:
                        logs.append(file.read())
                self.assertEqual(logs[0], logs[1])


class Contradictions(Btf):
    def test_a_damaged_entry_costs_no_page(self) -> None:
        core = env.vmcore_of('7')
        whole, _ = self.dump(core.path)
        note = notes.note_of(core)
        del note['BUILD-ID']    # room for longer values
        for key, value in (('NUMBER(PG_lru)', '14'), ('OFFSET(page.mapping)', '32'), ('NUMBER(PG_private)', '5'),
                           ('NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)', '-184549376'), ('OFFSET(page._mapcount)', '52'),
                           ('LENGTH(zone.free_area)', '12'), ('NUMBER(PG_head_mask)', '32')):
            with self.subTest(key):
                got, stats = self.dump(with_note(core, {**note, key: value}))
                self.assertEqual(stats['btf']['contradicted'], [key])
                self.assertTrue(any(key in warning for warning in stats['warnings']), stats['warnings'])
                self.assertEqual(whole.kept & ~got.kept, 0, 'pages are lost')

    def test_a_size_of_struct_page_that_is_not_the_kernels(self) -> None:
        core = env.vmcore_of('7')
        _, stats = self.dump(with_note(core, {**notes.note_of(core), 'SIZE(page)': '56'}))
        self.assertEqual(stats['btf']['reason'], 'SIZE(page) is 64 there and 56 in the note')


if __name__ == '__main__':
    unittest.main()
