# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what surrounds a guest that crashes: steps, reports, programs, disks, the capture kernel's helper."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disks  # noqa: E402
import kdump_guest  # noqa: E402
import programs  # noqa: E402
from kdump_guest import Kill, Step  # noqa: E402
from qemu import QemuError  # noqa: E402

HERE = Path(__file__).resolve().parent


class StepTest(unittest.TestCase):
    """What the capture kernel is told, and what it answers."""

    def test_options(self) -> None:
        self.assertEqual(Step('a', 'true').options(), '-t 300')
        step = Step('a', 'true', leave_mib=2, kill=Kill(signal.SIGTERM, '/dump/a', 7), patience=9)
        self.assertEqual(step.options(), '-t 9 -l 2048 -k 15 /dump/a 7')

    def test_an_answer(self) -> None:
        found = kdump_guest.numbers('wall_s 1.5\nexit 0\nanon_most 12\noutput\nanon_most 99\nlast\n')
        self.assertEqual(found, {'wall_s': 1.5, 'exit': 0, 'anon_most': 12, 'output': 'anon_most 99\nlast\n'})

    def test_no_answer_is_an_error(self) -> None:
        with self.assertRaises(QemuError):
            kdump_guest.numbers('usage: see the top of capture.c\n')


class ProgramTest(unittest.TestCase):
    """Programs of this machine for a guest."""

    def test_a_program_comes_with_its_loader_and_libraries(self) -> None:
        files = programs.files(programs.Program('mine', Path('/bin/true')))
        names = {Path(file.name).name: file.mode for file in files}
        for name in ('mine', 'libc.so.6', 'ld-linux-x86-64.so.2', 'libgcc_s.so.1'):
            self.assertEqual(names.get(name), 0o755, name)

    def test_one_of_another_suite_runs_with_its_own(self) -> None:
        program = programs.Program('other', Path('/bin/true'), Path('/usr/lib/x86_64-linux-gnu'))
        files = {file.name: file for file in programs.files(program)}
        place = '/usr/lib/other'
        self.assertIn(f'exec {place}/ld-linux-x86-64.so.2 --library-path {place} {place}/other "$@"',
                      files['usr/bin/other'].content.decode())
        self.assertTrue({'/usr/lib/other/libc.so.6', '/usr/lib/other/other'} <= set(files))


class DiskTest(unittest.TestCase):
    """Disks for dumps."""

    def test_files_come_back(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = disks.make_for_dumps(Path(folder), 0, 8 << 20, 4 << 20)
            self.assertEqual(sorted(made), ['dump', 'small'])
            source = Path(folder, 'source')
            source.write_bytes(b'content')
            disks.run_e2fs('debugfs', '-w', '-R', f'write {source} file', str(made['dump']))
            disks.take_out(made['dump'], Path(folder, 'out'))
            self.assertEqual([path.name for path in Path(folder, 'out').iterdir()], ['file'])
            self.assertEqual(Path(folder, 'out', 'file').read_bytes(), b'content')


class HelperTest(unittest.TestCase):
    """capture.c, run here."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.program = cls.folder / 'capture'
        subprocess.run(['gcc', '-O1', '-Wall', '-Wextra', '-Werror', '-o', str(cls.program), str(HERE / 'capture.c')],
                       check=True)

    def run_step(self, *arguments: str) -> dict:
        done = subprocess.run([str(self.program), 'run', *arguments], capture_output=True, text=True, check=True)
        return kdump_guest.numbers(done.stdout)

    def test_status_time_and_output(self) -> None:
        found = self.run_step('sleep 0.2; echo said; exit 3')
        self.assertEqual((found['exit'], found['signal'], found['output'].strip()), (3, 0, 'said'))
        self.assertGreaterEqual(found['wall_s'], 0.2)

    def test_memory_of_the_command(self) -> None:
        python = 'import time; x = bytearray(b"x") * (64 << 20); time.sleep(0.3)'
        found = self.run_step(f"exec {sys.executable} -c '{python}'")
        self.assertGreater(found['anon_most'], 64 << 10)
        self.assertLess(found['anon_most'], 128 << 10)

    def test_the_end_of_a_long_output_is_kept(self) -> None:
        found = self.run_step('i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; echo end')
        self.assertTrue(found['output'].rstrip().endswith('line 4999\nend'), found['output'][-50:])
        self.assertLess(len(found['output']), 8192)

    def test_a_signal_once_so_much_is_written(self) -> None:
        path = self.folder / 'written'
        found = self.run_step('-k', '15', str(path), '256', f'exec sh -c "dd if=/dev/urandom of={path} bs=64k count=8 '
                              '2>/dev/null; exec sleep 20"')
        self.assertEqual((found['exit'], found['signal']), (-1, 15))

    def test_patience_ends(self) -> None:
        found = self.run_step('-t', '0.2', 'sleep 20')
        self.assertEqual((found['signal'], found['timed_out']), (9, 1))

    def test_a_copy_has_all_bytes_and_holes_for_zeros(self) -> None:
        source, copy = self.folder / 'source', self.folder / 'copy'
        content = bytes(4096) + os.urandom(8192) + bytes(5 << 20) + os.urandom(4096)
        source.write_bytes(content)
        with open(copy, 'wb') as file:
            file.truncate(len(content) + (1 << 20))
        done = subprocess.run([str(self.program), 'copy', str(source), str(copy)], capture_output=True, check=True)
        self.assertEqual(int(done.stdout), len(content))
        self.assertEqual(copy.read_bytes()[:len(content)], content)
        self.assertLess(copy.stat().st_blocks * 512, 1 << 20)


if __name__ == '__main__':
    unittest.main()
