# SPDX-License-Identifier: GPL-2.0-or-later
"""--mem-usage counts what makedumpfile counts, and adds up; --vtop shows the way that makedumpfile shows."""
from __future__ import annotations

import gzip
import json
import os
import re
import tempfile
import unittest

from lib import env, peer, run

# makedumpfile -d 31 --show-stats -> our row. It counts poisoned pages as user pages.
PEER_ROWS = {'NON_PRI_CACHE': 'Non-private cache pages', 'PRI_CACHE': 'Private cache pages', 'FREE': 'Free pages',
             'KERN_DATA': 'Remaining pages', 'OFFLINE': 'Offline pages'}


def setUpModule() -> None:
    env.program()
    env.vmcores()


def usage(path: str, *options: str) -> tuple[dict[str, int], str]:
    """The rows by name, and all that was printed."""
    done = run.vmsift('--mem-usage', *options, path)
    if done.status != 0 or done.error_lines:
        raise AssertionError(f'no table:\n{done}')
    rows = {name: int(pages) for name, pages in re.findall(r'^([A-Z_]+)\t+(\d+) +\t(?:yes|no)\t', done.out, re.M)}
    return rows, done.out


class MemUsage(unittest.TestCase):
    def test_adds_up_to_all_memory(self) -> None:
        for core in env.vmcores():
            with self.subTest(core.name):
                rows, out = usage(core.path)
                pages = core.source.present().bit_count()
                self.assertEqual(sum(rows.values()), pages, out)
                self.assertIn(f'\npage size:\t\t4096            \nTotal pages on system:\t{pages:<16}\n'
                              f'Total size on system:\t{pages * 4096:<16} Byte\n', out)
                for name in ('ZERO', 'NON_PRI_CACHE', 'PRI_CACHE', 'USER', 'FREE', 'KERN_DATA'):
                    self.assertGreater(rows[name], 0)
                self.assertNotIn('Completed', out)

    def test_is_what_makedumpfile_leaves_out(self) -> None:
        """Its own --mem-usage reads /proc/kcore alone, but the classes are those of a dump of level 31."""
        core = env.vmcore_of('6.1')
        target = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'dump')
        done = run.run(peer.peer_for(core), '-l', '-d', '31', '--show-stats', core.path, target)
        self.assertEqual(done.status, 0, done)
        rows, out = usage(core.path)

        def theirs(name: str) -> int:
            return int(re.search(rf'{name} +: 0x([0-9a-f]+)', done.out + done.err)[1], 16)

        for row, name in PEER_ROWS.items():
            self.assertEqual(rows[row], theirs(name), row + out)
        self.assertEqual(rows['USER'] + rows.get('HWPOISON', 0), theirs('User process data pages') + theirs('Hwpoison pages'))

    def test_same_for_any_threads(self) -> None:
        core = env.vmcore_of('6.12')
        one = usage(core.path, '--message-level', '0')[1]
        for options in (('--num-threads', '1'), ('--num-threads', '7'), ('--non-mmap',)):
            self.assertEqual(usage(core.path, '--message-level', '0', *options)[1], one)

    def test_json_has_the_rows_of_the_table(self) -> None:
        core = env.vmcore_of('6.1')
        rows, _ = usage(core.path)
        done = run.vmsift('--mem-usage', '--stats=json', core.path)
        self.assertEqual(done.status, 0, done)
        told = json.loads(done.out)
        types = told['mem_usage']['types']
        names = {'NON_PRI_CACHE': 'cache', 'PRI_CACHE': 'cache_private', 'KERN_DATA': 'kernel_data'}
        for row, pages in rows.items():
            self.assertEqual(types[names.get(row, row.lower())]['pages'], pages, row)
        self.assertEqual(told['mem_usage']['pages'], sum(told['classes'].values()))

    def test_without_struct_pages_there_is_no_answer(self) -> None:
        core = env.vmcore_of('6.1')
        # In the note of the dump itself: what is missing in a text that is given is taken from there.
        spoiled = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'dump')
        self.assertEqual(run.vmsift('-l', '-d', '31', core.path, spoiled).status, 0)
        with open(spoiled, 'r+b') as file:
            start = file.read(1 << 16)
            file.seek(start.index(b'SYMBOL(mem_section)'))
            file.write(b'SYMBOL(mem_sectiox)')
        done = run.vmsift('--mem-usage', '--no-btf', spoiled)
        self.assertEqual((done.status, done.out, len(done.error_lines)), (1, '', 1), done)
        self.assertIn('mem_section', done.err)


class Vtop(unittest.TestCase):
    def symbols(self, core: env.Vmcore) -> list[int]:
        """One in the image, one in the direct map, one of a module, one that is not mapped."""
        path = core.path.removesuffix('.elf') + '.kallsyms.gz'
        if not os.path.exists(path):
            raise env.missing(f'{core.name}: no kallsyms beside it')
        lines = [line.split() for line in gzip.open(path, 'rt', encoding='ascii')]
        # In the middle of the data of the image, whose 2 MiB pages stay mapped.
        image = next(int(a, 16) for a, _, name, *_ in lines if name == 'init_uts_ns')
        module = next(int(a, 16) for a, kind, _, *of in lines if of and kind in 'tT')
        return [image, int(core.source.info('SYMBOL(mem_section)'), 16), module, 0xffffffff7ffff000, 0x400000]

    def test_steps_are_those_of_makedumpfile(self) -> None:
        for name in ('6.1', '5.10'):
            core = env.vmcore_of(name)
            for address in self.symbols(core):
                with self.subTest(core=core.name, address=hex(address)):
                    folder = tempfile.mkdtemp(dir=env.scratch())
                    theirs = run.run(peer.peer_for(core), '-d', '31', '--vtop', f'{address:#x}', core.path, folder + '/a')
                    ours = run.vmsift('--vtop', f'{address:#x}', core.path)
                    self.assertEqual((ours.status, ours.error_lines), (0, []), ours)
                    steps = [re.findall(r'(P\w\w) : +([0-9a-f]+) => +([0-9a-f]+)', done.out.partition('Translating')[2])
                             for done in (ours, theirs)]
                    self.assertEqual(steps[0], steps[1], f'{ours}\n{theirs}')
                    self.assertGreater(len(steps[0]), 0)
                    place = re.search(rf'^{address:x} +([0-9a-f]+)$', theirs.out + theirs.err, re.M)
                    if place and int(place[1], 16) != (1 << 64) - 1:
                        self.assertRegex(ours.out, rf'(?m)^{address:x} +{place[1]}$')
                        self.assertRegex(ours.out, r'page frame 0x[0-9a-f]+ is in the dump')
                    else:
                        self.assertIn('not mapped', ours.out)

    def test_is_printed_beside_a_dump(self) -> None:
        core = env.vmcore_of('6.1')
        address = f'{self.symbols(core)[0]:#x}'
        target = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'dump')
        done = run.vmsift('--vtop', address, '-d', '31', core.path, target)
        self.assertEqual(done.status, 0, done)
        self.assertTrue(done.out.startswith('Translating virtual address'), done.out)
        self.assertIn('The dumpfile is saved to', done.out)


if __name__ == '__main__':
    unittest.main()
