# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON that --stats=json writes, and --levels with it: the only place that knows the names in it."""
from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    total: int                  # page frames with memory
    kept: int                   # page frames that the dump holds, zero pages too
    classes: dict[str, int]     # page frames by class; each is in exactly one
    dropped: dict[str, int]     # of them, by class, those that this level left out
    output_bytes: int


@dataclass(frozen=True)
class LevelSize:
    pages: int
    bytes: int


def read_run(text: str) -> Stats:
    """One dump's statistics."""
    raw = json.loads(text)
    classes = {name: entry['pages'] for name, entry in raw['classes'].items()}
    dropped = {name: entry['pages'] for name, entry in raw['classes'].items() if entry['dropped']}
    return Stats(raw['pages']['total'], raw['pages']['kept'], classes, dropped, raw['output']['bytes'])


def read_levels(text: str) -> dict[tuple[int, str], LevelSize]:
    """(level, codec) -> what a dump of it would hold and how large it would be."""
    table = {}
    for entry in json.loads(text)['levels']:
        for codec, size in entry['bytes'].items():
            table[entry['level'], codec] = LevelSize(entry['pages'], size)
    return table
