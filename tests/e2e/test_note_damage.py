# SPDX-License-Identifier: GPL-2.0-or-later
"""Each entry of a real vmcore's note removed and made worthless: no page is lost, and what is kept is named.

note_damage.cc has the notes and the rules. Not every wrong value can be told: where the dump has no types (before 6.0,
or --no-btf), PG_private may be the number of another flag between PG_lru and PG_hwpoison, and cache with private data
then passes for cache without. The values of chance are the same in every run; none of them is such a one.
"""
from __future__ import annotations

import re
import unittest
from concurrent.futures import ThreadPoolExecutor

from lib import env, run

KERNELS = ('5.10', '6.1', '6.12', '7')
PATIENCE = 600      # seconds for the 1500 notes of one vmcore


def setUpModule() -> None:
    env.program()
    env.vmcores()


class NoteDamage(unittest.TestCase):
    def check(self, core: env.Vmcore, *options: str) -> None:
        done = run.run(env.helper('note_damage'), *options, core.path, timeout=PATIENCE)
        self.assertIn(done.status, (0, 1), f'died with this note: {done.err.splitlines()[-1:]}')
        *faults, counts = done.out.splitlines()
        self.assertEqual(faults, [], f'{len(faults)} notes; {counts}')
        tried = int(re.match(r'notes=(\d+)', counts)[1])
        self.assertGreater(tried, 10 * len(core.source.vmcoreinfo().splitlines()))

    def test_no_entry_of_a_real_note_costs_a_page(self) -> None:
        trials = [(env.vmcore_of(kernel), options) for kernel in KERNELS for options in ((), ('--no-btf',))]
        with ThreadPoolExecutor(2) as pool:
            running = [(core, options, pool.submit(self.check, core, *options)) for core, options in trials]
            for core, options, trial in running:
                with self.subTest(core=core.name, options=options):
                    trial.result()


if __name__ == '__main__':
    unittest.main()
