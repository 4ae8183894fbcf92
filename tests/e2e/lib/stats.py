# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON that --stats=json writes, and --levels with it: the only place that knows the names in it."""
from __future__ import annotations

import json
from dataclasses import dataclass


NOT_IN_THE_SOURCE = ('hole', 'absent')


@dataclass(frozen=True)
class Stats:
    present: int                # page frames of which the source holds the memory
    kept: int                   # page frames that the dump holds, zero pages too
    classes: dict[str, int]     # page frames of the source by class; each is in exactly one
    dropped: dict[str, int]     # those classes that this level leaves out
    unreadable: int             # struct pages that could not be read
    frames: int                 # all page frames from 0 on, holes too
    frames_by_class: int        # the same, as the sum over all classes
    output_bytes: int


@dataclass(frozen=True)
class LevelSize:
    pages: int
    bytes: int


def read_run(text: str) -> Stats:
    """One dump's statistics."""
    raw = json.loads(text)
    classes = {name: entry['pages'] for name, entry in raw['classes'].items()}
    here = {name: pages for name, pages in classes.items() if name not in NOT_IN_THE_SOURCE}
    dropped = {name: pages for name, pages in here.items() if not raw['classes'][name]['kept']}
    return Stats(present=sum(here.values()), kept=raw['dump']['pages'], classes=here, dropped=dropped,
                 unreadable=raw['anomalies']['unreadable_struct_pages'], frames=raw['total_pages'],
                 frames_by_class=sum(classes.values()), output_bytes=raw['dump']['bytes'])


def read_levels(text: str) -> dict[tuple[int, str], LevelSize]:
    """(level, codec) -> what a dump of it would hold and how large it would be."""
    table = {}
    for entry in json.loads(text)['levels']:
        for codec, size in entry['dump_bytes'].items():
            table[entry['level'], codec] = LevelSize(entry['pages'], size)
    return table
