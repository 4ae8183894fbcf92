# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kdumps: a kernel crashes, its capture kernel runs vmsift on /proc/vmcore, and what is on the disk afterwards is
judged by all of that memory, by the crashed kernel's own page flags, by makedumpfile in the same crash, and by the
debugger crash.

In the capture kernel nothing can be written but the disks for dumps (capture_init.sh), and every exit status must tell
the truth about what is there.
"""
from __future__ import annotations

import json
import os
import signal
import unittest

from lib import captured, debuggers, env, flat, judge, kdump, run, source
from lib.captured import Captured, through_pipe
from kdump_guest import WRITABLE_TMP, Crash, Kill, Step     # tests/vmcores; after lib, which knows where that is

COLLECT = 'vmsift -l -d 31 /proc/vmcore'
PARTLY = 8 << 10    # KiB on the disk when a collector is killed: headers and some of the pages
ENOUGH = 48         # MiB that are available: it must do with these
LITTLE = (24, 12)   # it may say that it cannot, but not take what is not there
CACHED = 12 << 10   # KiB of the page cache that a dump may take: it writes behind, two chunks of 4 MiB are there
MORE_THAN_PEER = 8 << 10    # KiB of own memory
PEERS = ('makedumpfile', 'makedumpfile-sid')

STEPS = (
    Step.collect('file', f'{COLLECT} /dump/file'),
    Step.collect('elf', 'vmsift -E -d 31 /proc/vmcore /dump/elf'),
    Step.collect('dmesg', 'vmsift --dump-dmesg /proc/vmcore /dump/dmesg'),
    Step('pipe', through_pipe('vmsift -F -l -d 31 /proc/vmcore', 'dd bs=512 of=/dump/pipe')),
    Step.collect('no_space', f'{COLLECT} /small/no_space'),
    Step('pipe_no_space', through_pipe('vmsift -F -l -d 31 /proc/vmcore', 'dd bs=64k of=/small/pipe')),
    Step.collect('killed', f'{COLLECT} /dump/killed', kill=Kill(signal.SIGKILL, '/dump/killed', PARTLY)),
    Step.collect('terminated', f'{COLLECT} /dump/terminated',
                 kill=Kill(signal.SIGTERM, '/dump/terminated', PARTLY)),
)
# in the first kernel, whose capture kernel is loaded: of /proc/kcore
ESTIMATE = 'vmsift --estimate=lzo --stats=json; echo "status $?"'
# what loading a capture kernel may leave in memory for a while: its image and initramfs; and what else changes until
# the crash, as a part of the dump
LEFT_BEHIND = 32 << 20
CHANGED = 0.1
SMALL_STEPS = (STEPS[0], Step.collect('zlib', 'vmsift -c -d 31 /proc/vmcore /dump/zlib'))
LITTLE_STEPS = tuple(Step.collect(f'left{mib}', f'{COLLECT} /dump/left{mib}', leave_mib=mib)
                     for mib in (ENOUGH, *LITTLE))
# the last ones, since /tmp can be written from then on
PEER_STEPS = tuple(Step.collect(name, f'{name} -l -d 31 /proc/vmcore /dump/{name}', prepare=WRITABLE_TMP)
                   for name in PEERS)


def setUpModule() -> None:
    env.program()
    env.page_checker()


class Crashed(unittest.TestCase):
    """What must hold in every capture kernel, whatever is run there."""
    crashed: Captured

    @classmethod
    def tearDownClass(cls) -> None:
        cls.crashed.close()

    def expect(self, name: str, status: int) -> dict:
        """That the step ended so."""
        done = self.crashed.step(name)
        self.assertEqual((done['exit'], done['signal']), (status, 0), done)
        return done

    def test_nothing_else_was_writable(self) -> None:
        self.assertEqual(self.crashed.report['guest']['capture.writable'].strip(), '')

    def test_no_collector_ran_out_of_memory(self) -> None:
        self.assertNotRegex(self.crashed.dmesg, 'Out of memory|oom-kill|page allocation failure')

    def test_what_is_written_does_not_fill_memory(self) -> None:
        done = self.crashed.step('file')
        self.assertGreater(os.path.getsize(self.crashed.path('dump/file')) >> 10, 2 * CACHED)
        self.assertLess(done['cached_most'] - done['cached_first'], CACHED)


class Collected(Crashed):
    """Each of STEPS, with all of the memory to compare with."""
    RESERVED = 192 << 20

    def expect_whole(self, path: str) -> None:
        """A dump of level 31 with all pages that it must have, their bytes, and none that it must not have."""
        core, dump = self.crashed.core, kdump.read(path)
        self.assertEqual(judge.format_faults(dump, core.source), [])
        self.assertEqual(judge.oracle_faults(core.flags, core.source.present(), dump.kept, 31), [])
        compared = run.compare_pages(path, core.path)
        self.assertTrue(compared.clean, compared)
        self.assertGreater(compared.counts['pages'], 10000)

    def expect_partial(self, path: str, least_pages: int = 500) -> None:
        """Marked, and readable as far as it goes."""
        self.assertEqual(judge.incomplete_faults(path), [])
        compared = run.compare_pages(path, self.crashed.core.path)
        self.assertEqual(compared.counts['differ'], 0, compared.wrong)
        self.assertGreater(compared.counts['pages'] - compared.counts['zero'], least_pages)

    def test_file(self) -> None:
        done = self.expect('file', 0)
        self.assertIn('The dumpfile is saved to /dump/file.', done['output'])
        self.expect_whole(self.crashed.path('dump/file'))

    def test_estimate_before_the_crash(self) -> None:
        """Of a live /proc/kcore, in which the memory of the crash kernel is no part of a dump."""
        text, _, status = self.crashed.report['guest']['before'].partition('\n}\n')
        told = json.loads(text[text.index('{'):] + '}')
        self.assertEqual((status.strip(), told['ready']), ('status 0', True), told['obstacles'])
        self.assertTrue(told['crash_kernel']['loaded'])
        self.assertEqual(told['crash_kernel']['reserved_bytes'], self.RESERVED)
        path = self.crashed.path('dump/file')
        size, pages = os.path.getsize(path), kdump.read(path).kept_count
        row = told['levels'][31]
        self.assertLess(abs(row['dump_bytes']['lzo'] - size), CHANGED * size + LEFT_BEHIND)
        self.assertLess(abs(row['pages'] - pages), CHANGED * pages + LEFT_BEHIND // source.PAGE)

    def test_elf(self) -> None:
        """What the ELF core has is what it must have, and reads the same."""
        self.expect('elf', 0)
        path = self.crashed.path('dump/elf')
        elf, whole = source.Source(path), self.crashed.core.source
        self.assertEqual(elf.headers.flags & 1, 0, 'marked incomplete')
        kept = kdump.read(self.crashed.path('dump/file')).kept
        self.assertEqual(elf.with_data() & ~kept, 0)
        with open(path, 'rb') as one, open(whole.headers.path, 'rb') as other:
            for load in elf.loads:
                one.seek(load.offset)
                for paddr in range(load.paddr, load.paddr + load.filesz, source.PAGE):
                    other.seek(whole.file_offset(paddr))
                    self.assertEqual(one.read(source.PAGE), other.read(source.PAGE), f'the page at {paddr:#x}')

    def test_dmesg(self) -> None:
        self.expect('dmesg', 0)
        with open(self.crashed.path('dump/dmesg'), encoding='utf-8', errors='replace') as file:
            log = file.read()
        self.assertIn('Kernel panic - not syncing: sysrq triggered crash', log)
        self.assertIn('Linux version ' + self.crashed.report['kernel'], log)

    def test_pipe(self) -> None:
        """As over ssh, where `dd bs=512` is what writes at the other end."""
        done = self.expect('pipe', 0)
        self.assertIn('collector: 0', done['output'])
        rebuilt = self.crashed.path('rebuilt')
        stream = self.crashed.path('dump/pipe')
        self.assertEqual(flat.rebuild(stream, rebuilt), os.path.getsize(stream))
        self.expect_whole(rebuilt)
        os.unlink(rebuilt)

    def test_no_space(self) -> None:
        done = self.expect('no_space', 1)
        self.assertIn('No space left on device', done['output'])
        self.expect_partial(self.crashed.path('small/no_space'))

    def test_no_space_behind_a_pipe(self) -> None:
        """dd gives up, and vmsift must not say that all is well."""
        done = self.expect('pipe_no_space', 1)
        self.assertRegex(done['output'], r'collector: (1|141)\b')

    def test_killed(self) -> None:
        done = self.crashed.step('killed')
        self.assertEqual(done['signal'], signal.SIGKILL, done)
        self.expect_partial(self.crashed.path('dump/killed'))

    def test_terminated(self) -> None:
        done = self.expect('terminated', 1)
        self.assertIn('SIGTERM', done['output'])
        self.expect_partial(self.crashed.path('dump/terminated'))


class Linux61(Collected):
    """One CPU in the capture kernel, as nearly every distribution has it; beside makedumpfile, and read by crash."""

    @classmethod
    def setUpClass(cls) -> None:
        machine = captured.recipe('amd64-6.1', mem='768M')
        programs = (captured.vmsift(), captured.makedumpfile(), captured.makedumpfile_sid())
        cls.crashed = Captured('amd64-6.1', Crash(machine, STEPS + LITTLE_STEPS + PEER_STEPS, programs, full=True,
                                                  before=ESTIMATE))

    def test_the_pages_that_makedumpfile_keeps(self) -> None:
        ours = kdump.read(self.crashed.path('dump/file'))
        for name in PEERS:
            with self.subTest(name):
                self.expect(name, 0)
                theirs = kdump.read(self.crashed.path(f'dump/{name}'))
                self.assertEqual(judge.differences(ours.kept, theirs.kept, self.crashed.core.flags), '')
                compared = run.compare_pages(self.crashed.path('dump/file'), self.crashed.path(f'dump/{name}'))
                self.assertTrue(compared.clean, compared)

    def test_own_memory_is_not_much_more_than_makedumpfiles(self) -> None:
        for name in PEERS:
            with self.subTest(name):
                self.assertLess(self.crashed.step('file')['anon_most'],
                                self.crashed.step(name)['anon_most'] + MORE_THAN_PEER)

    def test_little_memory(self) -> None:
        for mib in (ENOUGH, *LITTLE):
            with self.subTest(mib=mib):
                name = f'left{mib}'
                done = self.crashed.step(name)
                self.assertLess(done['available_first'], (mib + 1) << 10)
                if mib == ENOUGH or done['exit'] == 0:
                    self.expect(name, 0)
                    self.expect_whole(self.crashed.path(f'dump/{name}'))
                else:
                    self.expect(name, 1)
                    self.assertRegex(done['output'], 'memory')

    def test_crash_opens_it(self) -> None:
        """That it shows what it shows of all memory is test_crash.py's; here the kernel has really crashed."""
        shown = debuggers.crash(self.crashed.path('dump/file'), debuggers.vmlinux_of(self.crashed.core),
                                ('bt', 'ps', 'log'))
        self.assertIn('sysrq_handle_crash', shown['bt'])
        self.assertIn('sysrq triggered crash', shown['log'])
        self.assertGreater(len(shown['ps'].splitlines()), 40)

    def test_crash_opens_what_was_saved_as_the_summary_says(self) -> None:
        self.assertIn('crash --minimal --zero_excluded VMLINUX /small/no_space', self.crashed.step('no_space')['output'])
        done = run.run(debuggers.crash_program(), '--minimal', '--zero_excluded',
                       debuggers.vmlinux_of(self.crashed.core), self.crashed.path('small/no_space'), stdin='quit\n')
        self.assertIn('minimal mode commands', done.out, done)


class Linux7(Collected):
    """Two CPUs, threads; the kernel's page flags are the judge, since makedumpfile 1.7.8 is wrong about this kernel."""
    RESERVED = 256 << 20

    @classmethod
    def setUpClass(cls) -> None:
        machine = captured.recipe('amd64-7', mem='768M')
        cls.crashed = Captured('amd64-7', Crash(machine, STEPS, (captured.vmsift(),), '256M', cpus=2, full=True,
                                                before=ESTIMATE))

    def test_it_had_threads(self) -> None:
        self.assertEqual(self.crashed.report['guest']['capture.cpus'].strip(), '2')
        self.assertGreater(self.crashed.step('file')['threads_most'], 1)


class SmallCaptureKernel(Crashed):
    """128 MiB for the capture kernel of a machine with 2 GiB."""

    @classmethod
    def setUpClass(cls) -> None:
        machine = captured.recipe('amd64-6.1', mem='2G', append='vmsift.unit=3')
        cls.crashed = Captured('amd64-6.1', Crash(machine, SMALL_STEPS, (captured.vmsift(),), '128M'))

    def test_file(self) -> None:
        """Whole, by the kernel's page flags; the same from two codecs."""
        paths = [self.crashed.path(f'dump/{name}') for name in ('file', 'zlib')]
        for name, path in zip(('file', 'zlib'), paths):
            with self.subTest(name):
                self.expect(name, 0)
                dump = kdump.read(path)
                self.assertFalse(dump.main['status'] & kdump.STATUS_INCOMPLETE)
                self.assertEqual(judge.oracle_faults(self.crashed.core.flags, dump.memory, dump.kept, 31), [])
        self.assertTrue(run.compare_pages(*paths).clean)


def load_tests(loader: unittest.TestLoader, *_: object) -> unittest.TestSuite:
    return unittest.TestSuite(loader.loadTestsFromTestCase(case)
                              for case in (Linux61, Linux7, SmallCaptureKernel))


if __name__ == '__main__':
    unittest.main()
