# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the program under test and its helpers."""
from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from . import env

CODEC_OPTIONS = {'none': (), 'zlib': ('-c',), 'lzo': ('-l',), 'snappy': ('-p',), 'zstd': ('-z',), 'lz4': ('--lz4',)}


# What else stands on stderr: how far it is, and what it noticed about the source on the way.
NO_ERROR = re.compile(r'\w+ pages: +[\d.]+ %|vmsift: warning: ')


def error_lines(text: str) -> list[str]:
    return [line for line in re.split(r'[\r\n]+', text) if line.strip() and not NO_ERROR.match(line)]


@dataclass(frozen=True)
class Result:
    argv: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        return error_lines(self.err)

    def __str__(self) -> str:
        return f'{" ".join(self.argv)}\nexit {self.status}\n{self.out[-2000:]}{self.err[-2000:]}'


def run(*argv: str, timeout: float = 300, stdin: str = '', cwd: str | None = None) -> Result:
    done = subprocess.run(argv, capture_output=True, text=True, errors='replace', timeout=timeout, input=stdin, cwd=cwd)
    return Result(argv, done.returncode, done.stdout, done.stderr)


def vmsift(*args: str, timeout: float = 300) -> Result:
    return run(env.program(), *args, timeout=timeout)


def dump_args(level: int, codec: str) -> list[str]:
    return [*CODEC_OPTIONS[codec], '-d', str(level), '--message-level', '4']


def make_dump(source: str, target: str, level: int, codec: str = 'lzo', *extra: str) -> str:
    done = vmsift(*dump_args(level, codec), *extra, source, target)
    if done.status != 0 or not os.path.exists(target):
        raise AssertionError(f'no dump was made:\n{done}')
    return target


@dataclass(frozen=True)
class Compared:
    """What kdump_compare counted (see there) and the page frames libkdumpfile could read."""
    status: int
    counts: dict[str, int]
    readable: bytes
    wrong: str

    @property
    def clean(self) -> bool:
        return self.status == 0


def compare_pages(dump: str | list[str], source: str) -> Compared:
    """A list is a split set."""
    bitmap = os.path.join(env.scratch(), 'readable')
    members = [dump] if isinstance(dump, str) else dump
    done = run(env.page_checker(), '--readable', bitmap, *members, source)
    if done.status not in (0, 1):
        raise AssertionError(f'the page checker could not run:\n{done}')
    with open(bitmap, 'rb') as file:
        readable = file.read()
    counts = {key: int(value) for key, value in re.findall(r'(\w+)=(\d+)', done.out)}
    return Compared(done.status, counts, readable, done.err)
