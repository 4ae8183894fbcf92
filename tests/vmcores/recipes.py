# SPDX-License-Identifier: GPL-2.0-or-later
"""What to make: the settings of one vmcore, and the named sets of vmcores."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One vmcore. With several suites the newest matching kernel that boots is taken."""
    name: str
    suites: tuple[str, ...]
    kernel: str | None = None           # regular expression on the package name
    arch: str = 'amd64'
    flavour: str | None = None          # None: the architecture's default
    mem: str = '512M'
    smp: int = 2
    numa: int = 1
    append: str = ''
    balloon_mib: int | None = None      # None: a sixteenth of memory
    raw: bool = False                   # leave the ELF as QEMU wrote it
    also_raw: bool = False              # keep QEMU's ELF too, as NAME-raw
    qemu_args: tuple[str, ...] = ()
    timeout: int = 600                  # seconds until the guest is ready
    classes_only: bool = False          # for tests of page classes; other tests pass over it, to save their time

    def mem_bytes(self) -> int:
        """`mem` as a number."""
        unit = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}.get(self.mem[-1].upper())
        return int(self.mem[:-1]) * unit if unit else int(self.mem)


SETS = {
    # what the test-suite needs: each generation of struct page, both page-table depths, both ELF layouts
    'test': (
        Recipe('amd64-6.1', ('bookworm',), also_raw=True),                       # amd64-6.1-raw comes with it
        Recipe('amd64-6.12', ('trixie',)),
        Recipe('amd64-7', ('trixie-backports', 'sid'), kernel=r'^linux-image-7\.'),
        Recipe('amd64-5.10', ('bullseye',), mem='384M'),
        Recipe('amd64-6.1-4level', ('bookworm',), append='no5lvl'),
        # the kernels between, and machines that are built otherwise
        Recipe('amd64-numa', ('bookworm-backports',), numa=2, classes_only=True),
        Recipe('amd64-6.16', ('trixie-backports',), kernel=r'^linux-image-6\.16\.', flavour='cloud-amd64',
               classes_only=True),
        Recipe('amd64-6.18', ('trixie-backports',), kernel=r'^linux-image-6\.18\.', classes_only=True),
        # Memory from 4 GiB on, where nothing lies in the way of a huge page of 1 GiB: so no KASLR either.
        Recipe('amd64-hvo', ('trixie-backports', 'sid'), kernel=r'^linux-image-7\.', mem='4G', classes_only=True,
               append='nokaslr hugetlb_free_vmemmap=on hugepagesz=1G hugepages=1 hugepagesz=2M movablecore=512M '
                      'vmsift.offline vmsift.unit=4'),
    ),
}
