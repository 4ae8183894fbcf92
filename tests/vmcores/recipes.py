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
    qemu_suite: str | None = None       # run that suite's QEMU, unpacked in the cache; None: the machine's
    timeout: int = 600                  # seconds until the guest is ready
    classes_only: bool = False          # for tests of page classes; other tests pass over it, to save their time

    def mem_bytes(self) -> int:
        """`mem` as a number."""
        unit = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}.get(self.mem[-1].upper())
        return int(self.mem[:-1]) * unit if unit else int(self.mem)


NEWEST = r'^linux-image-7\.'

SETS = {
    # what the test-suite needs: each generation of struct page, both page-table depths, both ELF layouts
    'test': (
        Recipe('amd64-6.1', ('bookworm',), also_raw=True),                       # amd64-6.1-raw comes with it
        Recipe('amd64-6.12', ('trixie',)),
        Recipe('amd64-7', ('trixie-backports', 'sid'), kernel=NEWEST),
        Recipe('amd64-5.10', ('bullseye',), mem='384M'),
        Recipe('amd64-6.1-4level', ('bookworm',), append='no5lvl'),
        # the kernels between, and machines that are built otherwise
        Recipe('amd64-numa', ('bookworm-backports',), numa=2, classes_only=True),
        Recipe('amd64-6.16', ('trixie-backports',), kernel=r'^linux-image-6\.16\.', flavour='cloud-amd64',
               classes_only=True),
        Recipe('amd64-6.18', ('trixie-backports',), kernel=r'^linux-image-6\.18\.', classes_only=True),
        # Memory from 4 GiB on, where nothing lies in the way of a huge page of 1 GiB: so no KASLR either.
        Recipe('amd64-hvo', ('trixie-backports', 'sid'), kernel=NEWEST, mem='4G', classes_only=True,
               append='nokaslr hugetlb_free_vmemmap=on hugepagesz=1G hugepages=1 hugepagesz=2M movablecore=512M '
                      'vmsift.offline vmsift.unit=4'),
        # one of each of the other architectures that a distribution of servers still has
        Recipe('arm64-6.12', ('trixie',), arch='arm64', mem='384M'),
        Recipe('i386-6.1-pae', ('bookworm',), arch='i386', mem='384M'),
        Recipe('s390x-6.12', ('trixie',), arch='s390x', mem='384M'),
        Recipe('ppc64el-6.12', ('trixie',), arch='ppc64el'),
        Recipe('riscv64-6.12', ('trixie',), arch='riscv64', mem='384M'),
        Recipe('armhf-6.1-lpae', ('bookworm',), arch='armhf', flavour='armmp-lpae', mem='384M'),
    ),
    # the other kernels, page sizes, table depths and machines
    'architectures': (
        Recipe('arm64-6.12-16k', ('trixie',), arch='arm64', flavour='arm64-16k'),
        Recipe('ppc64el-6.1', ('bookworm',), arch='ppc64el'),
        Recipe('i386-6.1-nopae', ('bookworm',), arch='i386', flavour='686', mem='384M'),
        Recipe('armhf-6.1', ('bookworm',), arch='armhf', mem='384M'),
        Recipe('loong64-7', ('sid',), arch='loong64', kernel=NEWEST),
        Recipe('mips64el-6.1', ('bookworm',), arch='mips64el', mem='384M', balloon_mib=0),  # would not inflate there
        Recipe('riscv64-7', ('sid',), arch='riscv64', kernel=NEWEST, mem='384M'),
        Recipe('riscv64-6.12-sv39', ('trixie',), arch='riscv64', mem='384M', append='no4lvl'),
        Recipe('s390x-6.1', ('bookworm',), arch='s390x', mem='384M'),
        Recipe('arm64-6.1', ('bookworm',), arch='arm64', mem='384M'),
        Recipe('ppc64el-6.12-hash', ('trixie',), arch='ppc64el', append='disable_radix'),
        # pages of 16 MiB, as hypervisors other than QEMU's default give: huge pages, and a vmemmap of them
        Recipe('ppc64el-6.1-hash', ('bookworm',), arch='ppc64el', mem='768M', append='disable_radix',
               qemu_args=('-M', 'cap-hpt-max-page-size=16M')),
        Recipe('arm64-6.12-va48', ('trixie',), arch='arm64', mem='256M', append='arm64.nolva'),
        Recipe('arm64-7', ('trixie-backports', 'sid'), arch='arm64', kernel=NEWEST, mem='384M'),
        Recipe('armhf-6.12', ('trixie',), arch='armhf', mem='384M'),
        Recipe('s390x-7', ('sid',), arch='s390x', kernel=NEWEST, mem='384M', qemu_suite='trixie'),
        Recipe('ppc64el-6.12-64k', ('trixie',), arch='ppc64el', flavour='powerpc64le-64k'),
        Recipe('ppc64el-7', ('sid',), arch='ppc64el', kernel=NEWEST),
        Recipe('i386-6.1-highmem', ('bookworm',), arch='i386', mem='1G'),
        Recipe('armhf-6.1-highmem', ('bookworm',), arch='armhf', flavour='armmp-lpae', mem='1G'),
    ),
}
