# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log out of real vmcores is what the guest itself read from /dev/kmsg before it was dumped, what
makedumpfile writes, and what crash's `log` prints. Older generations of the log are forged into a real vmcore, for
makedumpfile to read as well.
"""
from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile
import unittest
from collections.abc import Callable

from lib import debuggers, env, kmsg, peer, run
from lib.dumps import Dumps

import elfcore      # tests/vmcores, which lib puts on the path

CLEARED = 'vmsift: the log was cleared'
# What makedumpfile writes for bytes above 0x7f: a signed char went into %x.
SIGNED = re.compile(r'\\xffffff([0-9a-f]{2})')

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


def scratch_file() -> str:
    return os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'log')


def read(path: str) -> str:
    with open(path, encoding='ascii') as file:      # whatever the log holds, its text is ASCII
        return file.read()


def dmesg(dump: str, *options: str) -> str:
    target = scratch_file()
    done = run.vmsift('--dump-dmesg', *options, dump, target)
    if done.status != 0 or done.err:
        raise AssertionError(f'no log:\n{done}')
    return read(target)


def makedumpfile(program: str, dump: str, *options: str) -> str:
    target = scratch_file()
    done = run.run(program, '--dump-dmesg', *options, dump, target)
    if done.status != 0:
        raise AssertionError(f'the reference failed:\n{done}')
    return SIGNED.sub(r'\\x\1', read(target))


def oldest_peer() -> str:
    """bookworm's, which writes no caller; sid's does even where the kernel was not built to show it."""
    for version, path in peer.candidates():
        if version < (1, 7, 6):
            return path
    raise env.missing('no makedumpfile that is older than 1.7.6')


class EveryVmcore(unittest.TestCase):
    def each(self, check: Callable[[env.Vmcore], None]) -> None:
        for core in env.vmcores():
            with self.subTest(core.name):
                check(core)

    def test_is_what_the_guest_itself_read(self) -> None:
        def check(core: env.Vmcore) -> None:
            own = kmsg.lines(core)
            text = dmesg(core.path)
            self.assertGreater(own.count('\n'), 200)
            self.assertEqual(text[:len(own)], own)
            self.assertLess(text[len(own):].count('\n'), 20, 'much was logged while the page flags were saved')
        self.each(check)

    def test_is_what_makedumpfile_writes(self) -> None:
        def check(core: env.Vmcore) -> None:
            if core.source.as_qemu_wrote_it:
                return
            for options in ((), ('--partial-dmesg',)):
                self.assertEqual(dmesg(core.path, *options), makedumpfile(oldest_peer(), core.path, *options))
        self.each(check)

    def test_partial_is_what_follows_the_clear(self) -> None:
        def check(core: env.Vmcore) -> None:
            kmsg.lines(core)    # only those of a maker that has its guest clear the log
            whole, partial = dmesg(core.path), dmesg(core.path, '--partial-dmesg')
            self.assertTrue(whole.endswith(partial))
            self.assertIn(CLEARED, partial)
            self.assertLess(partial[:partial.index(CLEARED)].count('\n'), 5)
            self.assertIn('] vmsift: a message of\n', partial)
            self.assertIn(r'no text: \x01 \x7f caf\xc3\xa9 back\slash tab' + '\there\n', partial)
        self.each(check)

    def test_needs_no_page_but_the_log(self) -> None:
        def check(core: env.Vmcore) -> None:
            whole = dmesg(core.path)
            self.assertEqual(dmesg(dumps.path(core, 31, 'zstd')), whole)
            self.assertEqual(dmesg(dumps.path(core, 31, 'zstd'), '-d', '31', '--non-mmap'), whole)
            dumps.forget(core, 31, 'zstd')
        self.each(check)


class OneVmcore(unittest.TestCase):
    def setUp(self) -> None:
        self.core = env.vmcore_of('6.1')

    def test_is_what_crash_prints(self) -> None:
        vmlinux = debuggers.vmlinux_of(self.core)
        ours = re.sub(r'\\x[0-9a-f]{2}', '.', dmesg(self.core.path))    # crash shows a dot for each
        self.assertEqual(ours, debuggers.crash(self.core.path, vmlinux, ('log',))['log'])

    def test_flattened_as_suse_calls_it(self) -> None:
        """makedumpfile -F --message-level 8 --dump-dmesg /proc/vmcore > fifo 2> err; then err is parsed in sh."""
        folder = tempfile.mkdtemp(dir=env.scratch())
        info = os.path.join(folder, 'info')
        with open(info, 'wb') as file:
            file.write(self.core.source.vmcoreinfo().rstrip(b'\0') + b'CRASHTIME=1700000000\n')
        link = os.path.join(folder, 'makedumpfile')
        os.symlink(env.program(), link)
        script = f'''cd {folder}; mkfifo fifo; cat fifo > log & "$1" -F --message-level 8 --dump-dmesg -i info "$2" \
            > fifo 2> err; echo "status=$?"; wait
            while IFS=" =" read -r KEY VALUE; do case "$KEY" in OSRELEASE|CRASHTIME) echo "$KEY:$VALUE";; esac; done < err'''
        done = run.run('sh', '-c', script, 'sh', link, self.core.path)
        self.assertEqual(sorted(done.out.split()),
                         ['CRASHTIME:1700000000', f'OSRELEASE:{self.core.release}', 'status=0'], done)
        self.assertEqual(read(os.path.join(folder, 'log')), dmesg(self.core.path))

    def test_the_file_is_the_owners_and_never_overwritten(self) -> None:
        target = scratch_file()
        self.assertEqual(run.vmsift('--dump-dmesg', self.core.path, target).status, 0)
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o600)
        before = read(target)
        done = run.vmsift('--dump-dmesg', '--partial-dmesg', self.core.path, target)
        self.assertEqual((done.status, len(done.error_lines)), (1, 1), done)
        self.assertIn('File exists', done.err)
        self.assertEqual(read(target), before)
        with open(target, 'a', encoding='ascii') as file:
            file.write('an old end')
        self.assertEqual(run.vmsift('-f', '--dump-dmesg', self.core.path, target).status, 0)
        self.assertEqual(read(target), before)

    def test_a_full_disk_is_an_error(self) -> None:
        if not os.path.exists('/dev/full'):
            self.skipTest('no /dev/full')
        done = run.vmsift('-f', '--dump-dmesg', self.core.path, '/dev/full')
        self.assertEqual((done.status, len(done.error_lines)), (1, 1), done)
        self.assertIn('No space left', done.err)


class Spoiled(unittest.TestCase):
    """Copies of one real vmcore in which something was changed."""

    def setUp(self) -> None:
        self.core = env.vmcore_of('6.1')
        self.path = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'core')
        subprocess.run(['cp', '--sparse=always', self.core.path, self.path], check=True)
        self.info = dict(line.split('=', 1) for line in
                         self.core.source.vmcoreinfo().rstrip(b'\0').decode().splitlines() if '=' in line)

    def tearDown(self) -> None:
        shutil.rmtree(os.path.dirname(self.path))

    def write_note(self) -> None:
        """The note's text anew, in its place and of the same length."""
        old = self.core.source.vmcoreinfo()
        new = ''.join(f'{key}={value}\n' for key, value in self.info.items()).encode()
        self.assertLessEqual(len(new), len(old))
        notes = next(s for s in self.core.source.headers.segments if s.type == elfcore.PT_NOTE)
        with open(self.path, 'r+b') as file:
            file.seek(notes.offset + self.core.source.raw_notes.index(old))
            file.write(new.ljust(len(old), b'\n'))

    def of_kernel_image(self, address: int) -> int:
        """Offset in the file of an address in the kernel image."""
        base = int(self.info['NUMBER(phys_base)'])
        return self.core.source.file_offset(address - 0xffffffff80000000 + base)

    def put(self, address: int, raw: bytes) -> None:
        with open(self.path, 'r+b') as file:
            file.seek(self.of_kernel_image(address))
            file.write(raw)

    def get(self, address: int, size: int) -> bytes:
        with open(self.path, 'rb') as file:
            file.seek(self.of_kernel_image(address))
            return file.read(size)

    def test_keys_that_do_not_concern_the_log_may_be_missing(self) -> None:
        whole = dmesg(self.path)
        for start in ('SYMBOL(mem_section', 'SIZE(page)', 'OFFSET(page', 'NUMBER(PG_', 'LENGTH(', 'PAGESIZE',
                      'SYMBOL(init_uts_ns', 'NUMBER(PAGE_', 'SIZE(list_head', 'OSRELEASE', 'BUILD-ID'):
            for key in [key for key in self.info if key.startswith(start)]:
                del self.info[key]
            self.write_note()
            with self.subTest(start):
                done = run.vmsift('--dump-dmesg', '-f', self.path, target := scratch_file())
                self.assertEqual(done.status, 0, done)
                self.assertEqual(read(target), whole)

    def test_the_kernels_types_stand_in_for_keys(self) -> None:
        whole = dmesg(self.path)
        for key in ('OFFSET(prb_desc.state_var)', 'SIZE(printk_info)', 'SYMBOL(prb)'):
            del self.info[key]
        self.write_note()
        self.assertEqual(dmesg(self.path), whole)

    def test_keys_that_do_are_named(self) -> None:
        for key in ('OFFSET(prb_desc.state_var)', 'SIZE(printk_info)', 'NUMBER(phys_base)', 'SYMBOL(prb)'):
            with self.subTest(key):
                value = self.info.pop(key)
                self.write_note()
                self.info[key] = value
                done = run.vmsift('--dump-dmesg', '--no-btf', self.path, target := scratch_file())
                self.assertEqual((done.status, len(done.error_lines)), (1, 1), done)
                self.assertIn(key, done.err)
                self.assertFalse(os.path.exists(target))

    def test_a_truncated_vmcore_gives_what_there_is(self) -> None:
        whole = dmesg(self.path)
        os.truncate(self.path, os.path.getsize(self.path) - (64 << 10))
        done = run.vmsift('--dump-dmesg', self.path, target := scratch_file())
        self.assertEqual(done.status, 0, done)
        self.assertEqual(read(target), whole)
        self.assertIn('truncated', done.err)

    # ---- older generations: records and flat ring in place of the ring's text ----

    def forge(self, symbols: dict[str, bytes], buffer: bytes) -> None:
        """A log of other symbols: variables and buffer go where the text of the real one is."""
        ring, = struct.unpack('<Q', self.get(int(self.info['SYMBOL(prb)'], 16), 8))
        text_ring = ring + int(self.info['OFFSET(printk_ringbuffer.text_data_ring)'])
        data, = struct.unpack('<Q', self.get(text_ring + int(self.info['OFFSET(prb_data_ring.data)']), 8))
        if data < 0xffffffff80000000:
            self.skipTest('the log is not in the kernel image')
        for key in [key for key in self.info if re.search(r'\((prb|printk_|clear_seq|latched|dev_printk|atomic_long|kallsyms_)', key)]:
            del self.info[key]
        at = data
        self.put(data + 4096, buffer)
        for name, value in {'log_buf': struct.pack('<Q', data + 4096), **symbols}.items():
            self.info[f'SYMBOL({name})'] = f'{at:x}'
            self.put(at, value)
            at += 64

    def set_release(self, release: str) -> None:
        self.info['OSRELEASE'] = release
        utsname = int(self.info['SYMBOL(init_uts_ns)'], 16) + int(self.info['OFFSET(uts_namespace.name)'])
        self.put(utsname + 2 * 65, release.encode() + b'\0')

    def test_records_of_3_5_to_5_9(self) -> None:
        def record(ts: int, text: bytes) -> bytes:
            size = 16 + len(text) + 3 & ~3
            return struct.pack('<QHHHBB', ts, size, len(text), 0, 0, 0xc6) + text.ljust(size - 16, b'\0')

        texts = [b'record %d %s' % (i, b'z' * (i * 7 % 40)) for i in range(60)] + [b'two\nlines', b'caf\xc3\xa9 \x01\t\\']
        records = [record(i * 123456789, text) for i, text in enumerate(texts)]
        size = 8192
        for name in ('log', 'printk_log'):
            for first in (0, 30):      # 30: those before it came last, at the start of the buffer
                with self.subTest(name=name, first=first):
                    self.setUp()
                    head = b''.join(records[first:]) if first == 0 else b''.join(records[:first])
                    tail = b'' if first == 0 else b''.join(records[first:])
                    start = size - len(tail) - 64
                    buffer = bytearray(size)
                    buffer[:len(head)] = head
                    buffer[start:start + len(tail)] = tail
                    order = texts[first:] + texts[:first]
                    stamps = [*range(first, len(texts)), *range(first)]
                    clear = len(b''.join(records[:10]))
                    self.forge({'log_buf_len': struct.pack('<I', size), 'log_next_idx': struct.pack('<I', len(head)),
                                'log_first_idx': struct.pack('<I', start if first else 0),
                                'clear_idx': struct.pack('<I', clear)}, bytes(buffer))
                    self.info.update({f'SIZE({name})': '16', f'OFFSET({name}.ts_nsec)': '0', f'OFFSET({name}.len)': '8',
                                      f'OFFSET({name}.text_len)': '10', f'OFFSET({name}.dict_len)': '12'})
                    self.write_note()
                    expected = ''
                    for i, text in zip(stamps, order):
                        usec = i * 123456789 // 1000
                        start_text = f'[{usec // 1000000:5}.{usec % 1000000:06}] '
                        shown = text.decode('latin1').replace('\n', '\n' + ' ' * len(start_text))
                        shown = re.sub(r'[\x01\x80-\xff]', lambda m: f'\\x{ord(m[0]):02x}', shown)
                        expected += f'{start_text}{shown}\n'
                    self.assertEqual(dmesg(self.path), expected)
                    self.assertEqual(makedumpfile(oldest_peer(), self.path), expected)
                    partial = dmesg(self.path, '--partial-dmesg')
                    self.assertTrue(expected.endswith(partial) and 'record 10 ' in partial and 'record 9 ' not in partial)
                    self.assertEqual(makedumpfile(oldest_peer(), self.path, '--partial-dmesg'), partial)

    def test_flat_ring_before_3_5(self) -> None:
        text = b''.join(b'<6>[%5d.%06d] line %d\n' % (i, i, i) for i in range(400))
        size = 4096
        for end in (2000, len(text)):
            with self.subTest(end=end):
                self.setUp()
                buffer = bytearray(size)
                for i, c in enumerate(text[:end]):
                    buffer[i % size] = c
                self.forge({'log_buf_len': struct.pack('<I', size), 'log_end': struct.pack('<I', end),
                            'logged_chars': struct.pack('<I', min(end, size))}, bytes(buffer))
                self.set_release('3.4.0-made-up')   # makedumpfile goes by the version
                self.write_note()
                expected = text[max(0, end - size):end].decode()
                self.assertEqual(dmesg(self.path), expected)
                self.assertEqual(makedumpfile(oldest_peer(), self.path), expected)


if __name__ == '__main__':
    unittest.main()
