# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's disks: files to read (ext4), a raw one it saves files on, and swap; where it crashes, those for dumps."""
from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

import cache

BLOCK = 4096
SAVE_SIZE, SWAP_SIZE = 256 << 20, 64 << 20
WORDS = ('lorem ipsum dolor kernel page filter dump compress vmcore erase cache slab buddy free node zone order '
         'head tail flag mapping count').split()


def _write_files(folder: Path) -> None:
    """Files of every texture, the same bytes every time."""
    source = random.Random(20240607)
    text = ' '.join(source.choice(WORDS) + (str(source.randrange(99999)) if source.random() < .3 else '')
                    for _ in range(900_000)).encode()
    (folder / 'text').write_bytes(text[:6 << 20])
    (folder / 'mapped').write_bytes(text[:3 << 20])
    (folder / 'random').write_bytes(source.randbytes(5 << 20))
    (folder / 'zero').write_bytes(bytes(5 << 20))
    (folder / 'repeated').write_bytes(b'The same line.\n' * 150_000)


def run_e2fs(*command: str) -> None:
    """Run a program of e2fsprogs."""
    search = os.environ['PATH'] + ':/usr/sbin:/sbin'  # e2fsprogs is not on every user's PATH
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, 'PATH': search})


def _mke2fs(*arguments: str) -> None:
    run_e2fs('mke2fs', '-q', '-t', 'ext4', '-b', str(BLOCK), '-F', *arguments)


def _files_image() -> Path:
    """The ext4 image, made once and copied for every guest."""
    image = cache.folder('disks') / 'files.ext4'
    if not image.exists():
        with cache.replacing(image) as part, tempfile.TemporaryDirectory() as folder:
            _write_files(Path(folder))
            _mke2fs('-d', folder, str(part), '48M')
    return image


def make(folder: Path) -> dict[str, Path]:
    """The disks of one guest by the serial number under which it finds them."""
    disks = {serial: folder / f'{serial}.disk' for serial in ('files', 'save', 'swap')}
    shutil.copy(_files_image(), disks['files'])
    for serial, size in (('save', SAVE_SIZE), ('swap', SWAP_SIZE)):
        with open(disks[serial], 'wb') as disk:
            disk.truncate(size)
    return disks


def make_for_dumps(folder: Path, full: int, dump: int, small: int) -> dict[str, Path]:
    """The disks of a capture kernel, in bytes: for a copy of all memory (0: none), and two file systems for dumps."""
    sizes = {serial: size for serial, size in (('full', full), ('dump', dump), ('small', small)) if size}
    disks = {serial: folder / f'{serial}.disk' for serial in sizes}
    for serial, size in sizes.items():
        with open(disks[serial], 'wb') as disk:
            disk.truncate(size)
    for serial in ('dump', 'small'):
        _mke2fs('-O', '^has_journal', '-m', '0', str(disks[serial]))
    return disks


def take_out(disk: Path, folder: Path) -> None:
    """The files on a file system of dumps."""
    folder.mkdir()
    run_e2fs('debugfs', '-R', f'rdump / {folder}', str(disk))
    shutil.rmtree(folder / 'lost+found', ignore_errors=True)


def saved_files(disk: Path) -> Iterator[tuple[str, bytes, int]]:
    """What `workload save` wrote, as (label, content, guest's page size); page flags come out little-endian."""
    with open(disk, 'rb') as file:
        while (header := file.read(BLOCK))[:8] == b'VMSIFTF1':
            size, page_size = struct.unpack_from('<QQ', header, 8)
            label = header[64:320].split(b'\0')[0].decode()
            content = file.read(size)
            if header[24:27] == b'big' and label.startswith('kpage'):
                words = len(content) // 8
                content = struct.pack(f'<{words}Q', *struct.unpack(f'>{words}Q', content))
            yield label, content, page_size
            file.seek(-size % BLOCK, os.SEEK_CUR)
