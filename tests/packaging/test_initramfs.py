# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that dracut and initramfs-tools of Debian 12 build with the examples of packaging/initramfs carry all that
vmsift needs to take a dump: it is run with nothing else there.

Not part of the suite, see test_packages.py.
"""
from __future__ import annotations

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from bare_debian import TOP, Machine, packages

sys.path.insert(0, str(TOP / 'tests/e2e'))

from lib import kdump, tiny  # noqa: E402

EXAMPLES = TOP / 'packaging/initramfs'


class Initramfs(unittest.TestCase):
    machine: Machine

    @classmethod
    def setUpClass(cls) -> None:
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.__exit__)
        cls.machine.install(packages()[0])
        cls.release = next((cls.machine.root / 'boot').glob('vmlinuz-*')).name.removeprefix('vmlinuz-')

    def expect_a_dump(self, image: str) -> None:
        """What is in the image is enough for `vmsift -l -d 1 VMCORE DUMP`."""
        self.machine.run('unmkinitramfs', image, '/unpacked')
        tree = self.machine.root / 'unpacked'
        self.addCleanup(shutil.rmtree, tree)
        if (tree / 'main').is_dir():
            tree = tree / 'main'    # behind microcode
        tiny.write(str(tree / 'vmcore'), tiny.elf([tiny.Load(1 << 20, tiny.pages(256, 64))]))
        self.assertFalse((tree / 'usr/bin/makedumpfile').exists())
        done = subprocess.run(['chroot', str(tree), '/usr/bin/vmsift', '-l', '-d', '1', '--num-threads', '2', '/vmcore',
                               '/dump'], capture_output=True, text=True, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}, check=False)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(kdump.read(str(tree / 'dump')).main['status'], kdump.CODEC_FLAGS['lzo'])
        size = sum(path.stat().st_size for path in tree.rglob('*') if path.is_file() and not path.is_symlink())
        print(f'{self.id()}: {size >> 10} KiB unpacked', file=sys.stderr)

    def test_dracut(self) -> None:
        self.machine.apt('install', 'dracut-core')
        shutil.copytree(EXAMPLES / 'dracut/90vmsift', self.machine.root / 'usr/lib/dracut/modules.d/90vmsift')
        self.machine.run('dracut', '--force', '--no-kernel', '--no-hostonly', '--modules', 'base vmsift',
                         '/boot/dracut.img', self.release)
        self.expect_a_dump('/boot/dracut.img')

    def test_initramfs_tools(self) -> None:
        shutil.copy(EXAMPLES / 'initramfs-tools/hooks/vmsift', self.machine.root / 'etc/initramfs-tools/hooks')
        self.machine.run('mkinitramfs', '-o', '/boot/tools.img', self.release)
        self.expect_a_dump('/boot/tools.img')


if __name__ == '__main__':
    unittest.main()
