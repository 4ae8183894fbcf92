# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's own /proc/kallsyms."""
from __future__ import annotations

import gzip
import os
from dataclasses import dataclass

from . import env


@dataclass(frozen=True)
class Symbol:
    address: int
    type: str
    name: str
    module: str         # empty: of the kernel's image


def load(core: env.Vmcore) -> list[Symbol]:
    path = core.path.removesuffix('.elf') + '.kallsyms.gz'
    if not os.path.exists(path):
        raise env.missing(f'{core.name}: no kallsyms beside it')
    symbols = []
    with gzip.open(path, 'rt', encoding='ascii') as file:
        for line in file:
            address, kind, name, *module = line.split()
            symbols.append(Symbol(int(address, 16), kind, name, module[0].strip('[]') if module else ''))
    return symbols


def named(symbols: list[Symbol], name: str) -> Symbol | None:
    """The image's symbol of this name."""
    return next((s for s in symbols if s.name == name and not s.module), None)
