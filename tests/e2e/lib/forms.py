# SPDX-License-Identifier: GPL-2.0-or-later
"""Every form in which a dump can be written, and what tells that two forms hold the same memory.

A form is made by vmsift; it is opened by others: zstd, lz4 and lib/flat.py take wrappers off, then libkdumpfile reads
a kdump-compressed dump and the code below an ELF core.
"""
from __future__ import annotations

import functools
import hashlib
import mmap
import os
import shutil
import subprocess
import unittest
from dataclasses import dataclass

from . import bits, env, flat, kdump, run, source
from .source import PAGE


@dataclass(frozen=True)
class Form:
    options: tuple[str, ...]
    files: int = 1
    wrapper: str = ''       # zstd, lz4

    @property
    def stream(self) -> bool:
        return '-F' in self.options

    @property
    def elf(self) -> bool:
        return '-E' in self.options

    @property
    def keeps_zeros(self) -> bool:
        """An ELF core leaves out long rows of zero pages; a compressed one need not."""
        return not self.elf or bool(self.wrapper)


def _form(*options: str, files: int = 1) -> Form:
    return Form(options, files, next((tool for tool in ('zstd', 'lz4') if tool in options), ''))


FORMS = {
    **{f'kdump {codec}': _form(*run.CODEC_OPTIONS[codec]) for codec in kdump.CODEC_FLAGS},
    'split in 2': _form('--split', '-l', files=2),
    'split in 3': _form('--split', '-z', files=3),
    'dedup': _form('--dedup', '-p'),
    'flat': _form('-F', '-l'),
    'flat zstd': _form('-F', '-c', '--stream', 'zstd'),
    'flat lz4': _form('-F', '--stream', 'lz4'),
    'elf': _form('-E'),
    'elf zstd': _form('-E', '--stream', 'zstd'),
    'elf lz4': _form('-E', '--stream', 'lz4'),
    'flat elf': _form('-F', '-E'),
    'flat elf zstd': _form('-F', '-E', '--stream', 'zstd'),
    'flat elf lz4': _form('-F', '-E', '--stream', 'lz4'),
}


def make(form: Form, level: int, sources: list[str], target: str, *extra: str, program: str = '') -> list[str]:
    """The files that were written; `target` is the first part of their names."""
    argv = [program or env.program(), '--message-level', '4', '-f', '-d', str(level), *form.options, *extra, *sources]
    targets = [f'{target}.{i}' for i in range(form.files)]
    if form.stream:
        with open(targets[0], 'wb') as out:
            done = subprocess.run(argv, stdout=out, stderr=subprocess.PIPE, text=True, timeout=300)
    else:
        done = subprocess.run([*argv, *targets], capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or run.error_lines(done.stderr):
        raise AssertionError(f'{argv}: exit {done.returncode}\n{done.stderr}')
    return targets


def unwrapped(path: str, tool: str, target: str) -> str:
    if not shutil.which(tool):
        raise env.missing(f'no {tool}')
    with open(path, 'rb') as packed, open(target, 'wb') as plain:
        subprocess.run([tool, '-d', '-q', '-c'], stdin=packed, stdout=plain, check=True, timeout=300)
    return target


def plain(form: Form, files: list[str]) -> list[str]:
    """Files that others open: no wrapper, not flattened. The files given stay."""
    if form.wrapper:
        files = [unwrapped(files[0], form.wrapper, files[0] + '.unwrapped')]
    if form.stream:
        flat.rebuild(files[0], files[0] + '.rebuilt')
        files = [files[0] + '.rebuilt']
    return files


def remove(files: list[str]) -> None:
    for path in files:
        for suffix in ('', '.unwrapped', '.unwrapped.rebuilt', '.rebuilt'):
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)


def digest(path: str) -> bytes:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').digest()


@dataclass(frozen=True)
class Pages:
    """What an ELF core has in the file: which page frames, and of those that are not zeros, their content."""
    stored: bits.PfnSet
    content: dict[int, bytes]      # page frame -> digest

    @functools.cached_property
    def not_zero(self) -> bits.PfnSet:
        return bits.from_pfns(self.content)


def pages_of_elf(path: str) -> Pages:
    core = source.Source(path)
    content: dict[int, bytes] = {}
    zeros = bytes(PAGE)
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        size = len(memory)
        for load in core.loads:
            if load.filesz % PAGE or load.paddr % PAGE or load.offset + load.filesz > size:
                raise ValueError(f'{path}: a segment of {load.filesz} bytes at {load.offset:#x}')
            for at in range(0, load.filesz, PAGE):
                page = memory[load.offset + at:load.offset + at + PAGE]
                if page == zeros:
                    continue
                pfn = (load.paddr + at) // PAGE
                made = hashlib.blake2b(page, digest_size=16).digest()
                if content.setdefault(pfn, made) != made:
                    raise ValueError(f'{path}: two segments show different bytes of page frame {pfn:#x}')
    return Pages(core.with_data(), content)


class Judge:
    """Says whether a form holds the pages `kept` of a core, byte for byte."""

    def __init__(self, case: unittest.TestCase, core_path: str) -> None:
        self.case = case
        self.core = core_path
        self.pages = pages_of_elf(core_path)
        self.seen: dict[tuple[bytes, ...], bits.PfnSet] = {}

    def check(self, form: Form, files: list[str], kept: bits.PfnSet, *, zeros: bool = True) -> bits.PfnSet:
        """The page frames it has. `zeros`: zero pages among the kept must be there too."""
        opened = plain(form, files)
        key = tuple(digest(path) for path in opened)
        if key not in self.seen:
            self.seen[key] = self._elf(opened[0]) if form.elf else self._kdump(opened)
        has = self.seen[key]
        self.case.assertEqual(bits.count(has & ~kept), 0, 'pages that were to be left out')
        lost = kept & ~has
        self.case.assertEqual(bits.count(lost if zeros else lost & self.pages.not_zero), 0, 'lost pages')
        return has

    def _kdump(self, files: list[str]) -> bits.PfnSet:
        result = run.compare_pages(files, self.core)
        self.case.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
        has = bits.from_bitmap(result.readable)
        for path in files:      # each with the bitmap of the whole machine
            self.case.assertEqual(kdump.read(path).kept, has)
            self.case.assertFalse(kdump.status(path) & kdump.STATUS_INCOMPLETE)
        return has

    def _elf(self, path: str) -> bits.PfnSet:
        pages = pages_of_elf(path)
        wrong = [pfn for pfn, made in pages.content.items() if self.pages.content.get(pfn) != made]
        self.case.assertEqual(wrong[:10], [], f'{len(wrong)} pages have other bytes')
        self.case.assertEqual(bits.count(pages.stored & self.pages.not_zero & ~pages.not_zero), 0, 'pages became zeros')
        self.case.assertEqual(source.Source(path).present(), source.Source(self.core).present())
        return pages.stored
