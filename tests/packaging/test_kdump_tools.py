# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole way on Debian 12: the packages are installed on a bare system as the README says, it boots, loads its
crash kernel, crashes, and its own kdump-tools, unchanged, takes the dump with vmsift.

Not part of the suite: it needs root, mmdebstrap and the packages that packaging/build-deb made, in the folder
$VMSIFT_DEBS (default build/deb), and takes some minutes, most of them in QEMU.
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bare_debian import TOP, Machine, cache, log, packages

sys.path.insert(0, str(TOP / 'tests/e2e'))

from lib import env, flat, kdump  # noqa: E402
from machines import MACHINES  # noqa: E402
from qemu import Qemu, QemuError  # noqa: E402

MEMORY = '1G'
CRASHKERNEL = '384M-:128M'      # as Debian's kdump-tools sets it: 128 MiB here
PATIENCE = 600                  # seconds for each step
# Crashes as soon as the crash kernel is loaded. The capture kernel does not come as far as its target.
CRASH_UNIT = '''[Unit]
After=kdump-tools.service
ConditionPathExists=!/proc/vmcore
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'kdump-config status; echo "@@MAKEDUMPFILE $(readlink -f $(command -v makedumpfile))"; sync'
ExecStart=/bin/sh -c 'echo "@@CRASH"; sleep 1; echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger'
'''


def capture(machine: Machine, folder: Path) -> str:
    """Boot it and let it crash and dump. Returns what was on the console; its disk is in the folder."""
    disk, boot = folder / 'disk', machine.root / 'boot'
    kernel, initrd = (next(boot.glob(pattern)) for pattern in ('vmlinuz-*', 'initrd.img-*'))
    machine.disk(disk, '2G')
    host = MACHINES['amd64']
    arguments = [*host.qemu, '-nodefaults', '-m', MEMORY, '-smp', '2', '-kernel', str(kernel), '-initrd', str(initrd),
                 '-drive', f'if=none,id=root,file={disk},format=raw,cache=unsafe',
                 '-device', 'virtio-blk-pci,drive=root',
                 '-append', f'root=/dev/vda rw console={host.console} panic=-1 crashkernel={CRASHKERNEL}']
    with cache.only_one('guest'):
        qemu = Qemu(arguments, folder / 'qemu.err')
        try:
            with qemu:
                log(f'crashes after {qemu.wait_for("@@CRASH", PATIENCE):.0f} s')
                log(f'kdump-tools runs after {qemu.wait_for("running makedumpfile -", PATIENCE, panics=1):.0f} s')
                log(f'saved after {qemu.wait_for("saved vmcore in", PATIENCE, panics=1):.0f} s')
                try:
                    qemu.wait_for('the end', 60, panics=1)  # kdump-tools restarts the machine
                except QemuError:
                    pass
        finally:
            (folder / 'serial.log').write_bytes(qemu.console.replace(b'\r', b''))
    return (folder / 'serial.log').read_text(errors='replace')


def taken_out(folder: Path) -> dict[str, Path]:
    """The files that kdump-tools left, by the first word of their name: dmesg, dump."""
    search = os.environ['PATH'] + ':/usr/sbin:/sbin'
    subprocess.run(['debugfs', '-R', f'rdump /var/crash {folder}', str(folder / 'disk')], check=True,
                   capture_output=True, env={**os.environ, 'PATH': search})
    return {path.name.split('.')[0]: path for path in (folder / 'crash').glob('2*/*')}


class KdumpTools(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory(prefix='vmsift-kdump-tools-')
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        with Machine() as machine:
            machine.install(*packages())
            machine.write('/etc/machine-id', '0123456789abcdef0123456789abcdef\n')
            machine.write('/etc/systemd/system/crash.service', CRASH_UNIT)
            machine.run('systemctl', 'add-wants', 'multi-user.target', 'crash.service')
            machine.run('systemctl', 'mask', 'serial-getty@ttyS0.service', 'getty-static.service',
                        'e2scrub_reap.service')
            cls.release = next((machine.root / 'boot').glob('vmlinuz-*')).name.removeprefix('vmlinuz-')
            cls.console = capture(machine, cls.folder)
        cls.files = taken_out(cls.folder)
        keep = os.environ.get('VMSIFT_KEEP')
        if keep:
            os.makedirs(keep, exist_ok=True)
            subprocess.run(['cp', '-r', str(cls.folder / 'crash'), str(cls.folder / 'serial.log'), keep], check=True)

    def test_it_was_vmsift(self) -> None:
        after = self.console[self.console.index('running makedumpfile -F'):]
        for text, words in ((self.console, 'current state   : ready to kdump'),
                            (self.console, '@@MAKEDUMPFILE /usr/bin/vmsift\n'),
                            (after, 'Copying pages'),   # vmsift's words; makedumpfile has "Copying data"
                            (after, 'makedumpfile Completed.')):
            self.assertTrue(words in text, words)
        self.assertFalse("falling back to 'cp'" in after)

    def test_the_files_are_those_of_kdump_tools(self) -> None:
        self.assertEqual(sorted(self.files), ['dmesg', 'dump'])

    def test_the_log_ends_with_the_crash(self) -> None:
        text = self.files['dmesg'].read_text(errors='replace')
        self.assertIn(f'Linux version {self.release}', text.splitlines()[0])
        self.assertIn('sysrq: Trigger a crash', text)
        self.assertIn('Kernel panic - not syncing: sysrq triggered crash', text)

    def test_the_dump_is_whole(self) -> None:
        plain = self.folder / 'plain'
        self.assertEqual(flat.rebuild(str(self.files['dump']), str(plain)), self.files['dump'].stat().st_size)
        dump = kdump.read(str(plain))
        self.assertEqual(dump.main['status'], kdump.CODEC_FLAGS['zlib'])
        self.assertEqual(dump.sub['dump_level'], 31)
        self.assertGreater(dump.kept_count, 5000)

    def test_crash_opens_it(self) -> None:
        crash, symbols = env.peer_tool('crash-sid'), env.peer_tool(f'vmlinux-{self.release}')
        if not crash or not symbols:
            raise env.missing(f'no crash-sid or vmlinux-{self.release}: scripts/fetch-peers')
        done = subprocess.run([crash, '-s', symbols, str(self.files['dump'])], input='sys\nbt\nquit\n',
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertRegex(done.stdout, r'PANIC: "?Kernel panic - not syncing: sysrq triggered crash')
        self.assertIn('sysrq_handle_crash', done.stdout)


if __name__ == '__main__':
    unittest.main()
