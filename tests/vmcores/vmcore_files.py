# SPDX-License-Identifier: GPL-2.0-or-later
"""A finished vmcore: NAME.elf and the files beside it, published together.

NAME.elf is renamed into place last, so where it is, all is.
"""
from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import disks
import elfcore
import page_flags
from cache import log
from kernel import Kernel
from machines import MACHINES
from recipes import Recipe

ESSENTIAL = ('.kpageflags.gz', '.kmsg.gz')  # side files that every complete vmcore has
INTO_FACTS = ('pagetypeinfo', 'slabinfo', 'vmallocinfo')  # saved files that are facts rather than files


def read_facts(folder: Path, name: str) -> dict | None:
    """NAME.facts.json, or None where no complete vmcore of that name is."""
    try:
        facts = json.loads((folder / f'{name}.facts.json').read_text())
        complete = os.path.getsize(folder / f'{name}.elf') == facts['elf']['size'] and \
            all((folder / f'{name}{suffix}').exists() for suffix in ESSENTIAL)
    except (OSError, ValueError, KeyError):
        return None
    return facts if complete else None


def names_of(recipe: Recipe) -> list[str]:
    """The vmcores that a recipe makes."""
    return [recipe.name, f'{recipe.name}-raw'] if recipe.also_raw else [recipe.name]


def _side_files(work: Path, kernel: Kernel, facts: dict) -> dict[str, Path]:
    """Write what the guest saved as side files; returns them by suffix."""
    sides = {'.serial.log': work / 'serial.log'}
    for label, content, page_size in disks.saved_files(work / 'save.disk'):
        facts['page_size'] = page_size
        if label in INTO_FACTS:
            facts[label] = content.decode(errors='replace')
            continue
        sides[f'.{label}.gz'] = work / f'{label}.gz'
        sides[f'.{label}.gz'].write_bytes(gzip.compress(content, 6))
    if kernel.config:
        sides['.config'] = work / 'config'
        shutil.copy(kernel.config, sides['.config'])
    return sides


def _take_vmcoreinfo(core: Path, work: Path, sides: dict[str, Path]) -> None:
    text = elfcore.ElfCore.read(core).vmcoreinfo()
    if text is None:
        raise elfcore.ElfError('QEMU wrote no VMCOREINFO note, and no fix-up added one')
    sides['.vmcoreinfo.txt'] = work / 'vmcoreinfo.txt'
    sides['.vmcoreinfo.txt'].write_bytes(text)


def _count_classes(recipe: Recipe, flags_file: Path, facts: dict) -> None:
    flags = page_flags.load(flags_file)
    facts['kpageflags'] = page_flags.count(flags)
    facts['classes'] = page_flags.classes(flags)
    missing = [name for name, pages in facts['classes'].items() if not pages]
    if missing:
        log(f'{recipe.name}: note: no page of these classes: {"; ".join(missing)}')


def _publish(folder: Path, name: str, elf: Path, sides: dict[str, Path], facts: dict) -> None:
    """Move one vmcore into place; side files are linked, since two vmcores may share them."""
    facts = {**facts, 'name': name, 'elf': elfcore.ElfCore.read(elf).facts()}
    facts_file = elf.with_suffix('.facts.json')
    facts_file.write_text(json.dumps(facts, indent=1) + '\n')
    (folder / f'{name}.elf').unlink(missing_ok=True)  # from here on until the end it is not complete
    for suffix, path in {**sides, '.facts.json': facts_file}.items():
        target = folder / f'{name}{suffix}'
        target.unlink(missing_ok=True)
        os.link(path, target)
    os.replace(elf, folder / f'{name}.elf')


def finish(recipe: Recipe, kernel: Kernel, facts: dict, work: Path, folder: Path) -> None:
    """Turn what a guest left in `work` into the recipe's vmcores in `folder`."""
    raw = work / 'qemu.elf'
    elfcore.ElfCore.read(raw).check_complete()
    raw.chmod(0o644)
    facts['qemu_elf'] = elfcore.ElfCore.read(raw).facts()
    sides = _side_files(work, kernel, facts)
    _count_classes(recipe, sides['.kpageflags.gz'], facts)
    core = raw
    if not recipe.raw:
        core = work / 'vmcore.elf'
        guest = elfcore.GuestFiles(sides['.config'].read_text() if kernel.config else '', facts['guest'])
        facts['fixups'] = elfcore.relayout(raw, core, elfcore.system_ram(facts['guest']['iomem']),
                                           MACHINES[recipe.arch].fixups, guest)
    _take_vmcoreinfo(core, work, sides)
    if recipe.raw or recipe.also_raw:
        subprocess.run(['fallocate', '--dig-holes', str(raw)], check=False)  # zero pages need no disk
        _publish(folder, names_of(recipe)[-1], raw, sides, facts)
    if not recipe.raw:
        _publish(folder, recipe.name, core, sides, facts)
