# SPDX-License-Identifier: GPL-2.0-or-later
"""The command lines that distributions and tools run makedumpfile with, run on a real vmcore through a link of that
name, and by vmsift's own name. Each row is a test: the line as the caller's shell sees it, and what the caller looks
at: exit status, streams, files, words.

With VMSIFT=/usr/bin/makedumpfile and -k as_makedumpfile the rows can be held against the original. It fails those of
ROWS_BEYOND, which it cannot do, the bad ones of --check-params (two lines), those of codecs that it was built without,
and three where it dies of a signal or waits for ten minutes.
"""
from __future__ import annotations

import os
import stat
import unittest
from collections.abc import Callable
from dataclasses import dataclass

from lib import callers, env, judge
from lib.callers import Ran

Check = Callable[['Rows', Ran], None]


def setUpModule() -> None:
    env.program()
    callers.core()


# ---- what a caller looks at ----------------------------------------------------------------------

def dump(name: str, level: int = 31, codec: str = 'zlib') -> Check:
    return lambda test, ran: test.assertEqual(callers.dump_faults(ran.path(name), level, codec), [])


def elf(name: str, level: int = 31) -> Check:
    return lambda test, ran: test.assertEqual(callers.elf_faults(ran.path(name), level), [])


def stream(name: str, level: int = 31, codec: str | None = 'zlib') -> Check:
    return lambda test, ran: test.assertEqual(callers.stream_faults(ran.path(name), level, codec), [])


def says(*words: str, last: str = '') -> Check:
    """On the standard output; {} is the program's name."""
    def check(test: Rows, ran: Ran) -> None:
        for word in words:
            test.assertIn(word.format(ran.name), ran.out)
        if last:
            test.assertEqual(ran.out.strip().splitlines()[-1], last.format(ran.name))
            test.assertEqual(ran.out.count('Completed.'), 1)
    return check


def says_on_stderr(*words: str) -> Check:
    def check(test: Rows, ran: Ran) -> None:
        test.assertEqual(ran.out, '')
        for word in words:
            test.assertEqual(ran.err.count(word.format(ran.name)), 1, word)
    return check


def silent(test: Rows, ran: Ran) -> None:
    test.assertEqual(ran.out + ran.err, '')


def fails(*words: str, files: list[str] | None = None) -> Check:
    """One line says why, and a script that looks for makedumpfile's word finds it."""
    def check(test: Rows, ran: Ran) -> None:
        for word in words:
            test.assertIn(word, ran.err)
        if ran.name == 'makedumpfile':
            test.assertIn('makedumpfile Failed.', ran.out + ran.err)
        test.assertNotIn('Completed.', ran.out + ran.err)
        if files is not None:
            test.assertEqual(ran.files, files)
    return check


def no_file(test: Rows, ran: Ran) -> None:
    test.assertEqual(ran.files, [])


def one_reason(test: Rows, ran: Ran) -> None:
    """mkdumprd: nothing but the reason, and no file."""
    test.assertEqual(ran.out, '')
    test.assertEqual(len(ran.err.splitlines()), 1)
    no_file(test, ran)


def kernel_log(name: str) -> Check:
    def check(test: Rows, ran: Ran) -> None:
        log = ran.text(name)
        test.assertIn(f'] Linux version {callers.core().release}', log.splitlines()[0])
        test.assertGreater(len(log.splitlines()), 100)
        test.assertTrue(log.endswith('\n'))
    return check


def private(name: str) -> Check:
    return lambda test, ran: test.assertEqual(stat.S_IMODE(os.stat(ran.path(name)).st_mode), 0o600)


def console(test: Rows, ran: Ran) -> None:
    """Fedora sends both streams to the console, where people wait for a line that moves."""
    text = ran.text('console')
    test.assertRegex(text, r'[Cc]opying .*%')
    test.assertIn('The dumpfile is saved to dir/vmcore-incomplete.', text)
    test.assertEqual(text.split()[-2:], [ran.name, 'Completed.'])
    test.assertEqual(ran.out + ran.err, '')
    lines = text.splitlines()
    test.assertEqual([line for line in lines if len(line) > 80], [], 'a console has 80 columns')
    start, end = (next(i for i, line in enumerate(lines) if line.startswith(word)) for word in ('Classify', 'Kept:'))
    test.assertLessEqual(start, 3, 'before the dump')
    test.assertLessEqual(len(lines) - end, 12, 'after it')
    test.assertRegex(text, r'(?m)^Expected: [\d.]+ [KMG]iB ')
    test.assertIn('\nTo open it: crash VMLINUX dir/vmcore-incomplete\n', text)


def flagged(name: str) -> Check:
    return lambda test, ran: test.assertEqual(judge.incomplete_faults(ran.path(name)), [])


def says_incomplete(test: Rows, ran: Ran) -> None:
    if ran.name == 'makedumpfile':
        test.assertIn('This is an incomplete dumpfile, but might analyzable.', ran.out)


def version(test: Rows, ran: Ran) -> None:
    """Tools take the number out of the first line, and look which codecs there are."""
    first = r'makedumpfile: version \d+\.\d+\.\d+ \(released on \d+ \w+ \d+\)'
    test.assertRegex(ran.out.splitlines()[0], first if ran.name == 'makedumpfile' else r'vmsift: version \S+')
    test.assertRegex(ran.out, r'(?m)^lzo\t(en|dis)abled$')


@dataclass(frozen=True)
class Row:
    title: str
    line: str
    checks: tuple[Check, ...]
    shell: str = 'sh'
    status: int = 0
    names: tuple[str, ...] = callers.NAMES


# ---- Fedora, RHEL: kdump-utils (dracut/99kdumpbase/kdump.sh, mkdumprd, kdumpctl) -------------------

FILE_TARGET = ('mkdir dir; makedumpfile {} "$VMCORE" dir/vmcore-incomplete > console 2>&1'
               ' && sync -f dir/vmcore-incomplete && mv dir/vmcore-incomplete dir/vmcore')
FEDORA = '-l --message-level 7 -d 31'
# A block device is longer than the stream and was used before.
RAW_TARGET = ('set -o pipefail; head -c 64M /dev/urandom > device; makedumpfile ' + FEDORA + ' -F "$VMCORE"'
              ' | dd of=device bs=512 conv=notrunc 2>> dd_progress_file')


def device_untouched_behind(test: Rows, ran: Ran) -> None:
    test.assertEqual(os.path.getsize(ran.path('device')), 64 << 20)
    test.assertEqual(callers.stream_faults(ran.path('device'), 31, 'lzo', room_behind=True), [])


FEDORA_ROWS = (
    Row('fedora_file', FILE_TARGET.format(FEDORA + ' --num-threads=$(nproc)'),
        (dump('dir/vmcore', codec='lzo'), private('dir/vmcore'), console)),
    Row('fedora_file_one_cpu', FILE_TARGET.format(FEDORA), (dump('dir/vmcore', codec='lzo'), console)),
    Row('fedora_file_s390x', FILE_TARGET.format('-c --message-level 7 -d 31'), (dump('dir/vmcore'), console)),
    Row('fedora_file_that_is_there', 'echo old > vmcore-incomplete; makedumpfile ' + FEDORA + ' "$VMCORE" '
        'vmcore-incomplete', (fails('vmcore-incomplete', 'File exists'),
                              lambda test, ran: test.assertEqual(ran.text('vmcore-incomplete'), 'old\n')), status=1),
    Row('fedora_no_vmcore', 'makedumpfile ' + FEDORA + ' ./none dump', (fails('none', files=[]),), status=1),
    Row('fedora_ssh', 'set -o pipefail; makedumpfile ' + FEDORA + ' -F "$VMCORE"'
        ' | { umask 0077 && dd bs=512 of=vmcore-incomplete; } && mv vmcore-incomplete vmcore.flat',
        (stream('vmcore.flat', codec='lzo'),
         says_on_stderr('The dumpfile is saved to STDOUT.', '{} Completed.')), shell='bash'),
    Row('fedora_ssh_connection_lost', 'set -o pipefail; makedumpfile ' + FEDORA + ' -F "$VMCORE" | head -c 1M > part',
        (fails('Broken pipe'),), shell='bash', status=1),
    Row('fedora_raw', RAW_TARGET, (device_untouched_behind,), shell='bash'),
    Row('fedora_raw_next_boot', RAW_TARGET + '; makedumpfile -R dir-vmcore < device',
        (dump('dir-vmcore', codec='lzo'), private('dir-vmcore'),
         says('The dumpfile is saved to dir-vmcore.', last='{} Completed.')), shell='bash'),
    Row('fedora_raw_nothing_there', 'head -c 1M /dev/zero > device; makedumpfile -R vmcore < device', (fails(),),
        status=1),
    Row('fedora_raw_cut_short', 'makedumpfile ' + FEDORA + ' -F "$VMCORE" 2> err | head -c 20M > device;'
        ' timeout 20 makedumpfile -R vmcore < device', (fails(), flagged('vmcore')), status=1),
    Row('fedora_dmesg', 'makedumpfile -l -d 31 "$VMCORE" vmcore > /dev/null 2>&1; makedumpfile --dump-dmesg vmcore log',
        (kernel_log('log'), says('The dmesg log is saved to log.', last='{} Completed.'))),
)

PARAMS_OF = 'makedumpfile --check-params {}'
CHECK_ROWS = tuple(
    [Row(f'check_params_good_{i}', PARAMS_OF.format(params), (silent, no_file))
     for i, params in enumerate((FEDORA + ' vmcore dumpfile', '-F ' + FEDORA + ' vmcore', FEDORA + ' -F vmcore',
                                 '-c -d 31 --num-threads=8 vmcore dumpfile', '-d 1,16,31 -z vmcore dumpfile',
                                 '-E -d 31 vmcore dumpfile', '-l -L 2G vmcore dumpfile'))] +
    [Row(f'check_params_bad_{i}', PARAMS_OF.format(params), (one_reason,), status=1)
     for i, params in enumerate(('-l -d 99 vmcore dumpfile', '-l -d 31 --unknown vmcore dumpfile', '-l -d 31 vmcore',
                                 '-E -l -d 31 vmcore dumpfile', '-d 31 -Y vmcore dumpfile', '-d vmcore dumpfile',
                                 '--message-level 77 vmcore dumpfile', '-l -d 31', '-F', '--split -F vmcore a b'))])

# What kdump.sh makes of core_collector, in our own words: any string with "makedumpfile" in it loses each "-F", gets
# it back for ssh and raw, and gets threads unless -F or -E is in it. mkdumprd checks only the exact name.
COLLECTOR = '''
CORE_COLLECTOR='{collector}'; TARGET={target}
if [ "${{CORE_COLLECTOR%% *}}" = makedumpfile ]; then
    if [ $TARGET = fs ]; then makedumpfile --check-params ${{CORE_COLLECTOR#* }} vmcore dumpfile || exit 9
    else makedumpfile --check-params ${{CORE_COLLECTOR#* }} vmcore || exit 9; fi
fi
case $CORE_COLLECTOR in *makedumpfile*)
    CORE_COLLECTOR=$(echo "$CORE_COLLECTOR" | sed -e 's/-F//g')
    [ $TARGET = fs ] || CORE_COLLECTOR="$CORE_COLLECTOR -F"
    case $CORE_COLLECTOR in *-F*|*-E*) ;; *) CORE_COLLECTOR="$CORE_COLLECTOR --num-threads=2" ;; esac ;;
esac
echo "$CORE_COLLECTOR" > used
PATH="$BIN:$PATH"
if [ $TARGET = fs ]; then $CORE_COLLECTOR "$VMCORE" vmcore; else $CORE_COLLECTOR "$VMCORE" > vmcore.flat; fi
'''


def collector(title: str, target: str, config: str, used: str, *checks: Check) -> Row:
    return Row('collector_' + title, COLLECTOR.format(target=target, collector=config),
               (lambda test, ran: test.assertEqual(ran.text('used'), used + '\n'), *checks), names=('makedumpfile',))


COLLECTOR_ROWS = (
    collector('default_fs', 'fs', 'makedumpfile -l -d 31', 'makedumpfile -l -d 31 --num-threads=2',
              dump('vmcore', codec='lzo')),
    collector('default_ssh', 'ssh', 'makedumpfile -F -l -d 31', 'makedumpfile  -l -d 31 -F',
              stream('vmcore.flat', codec='lzo')),
    collector('elf_fs', 'fs', 'makedumpfile -E -d 31', 'makedumpfile -E -d 31', elf('vmcore')),
    collector('prefixed_fs', 'fs', 'vmsift-makedumpfile -l -d 31', 'vmsift-makedumpfile -l -d 31 --num-threads=2',
              dump('vmcore', codec='lzo')),
    collector('prefixed_ssh', 'ssh', 'vmsift-makedumpfile -l -d 31', 'vmsift-makedumpfile -l -d 31 -F',
              stream('vmcore.flat', codec='lzo')),
    # Without the word nothing is added, and the options are what the administrator wrote.
    collector('own_name_fs', 'fs', 'vmsift -l -d 31', 'vmsift -l -d 31', dump('vmcore', codec='lzo')),
    collector('own_name_ssh', 'ssh', 'vmsift -F -l -d 31', 'vmsift -F -l -d 31', stream('vmcore.flat', codec='lzo')),
)

# ---- SUSE: kdump (dracut/kdump-save) ---------------------------------------------------------------

SUSE_DMESG = '''
mkfifo fifo
makedumpfile -F --message-level 8 --dump-dmesg "$VMCORE" > fifo 2> makedumpfile_stderr &
cat fifo > dmesg
wait $! || exit
IFS=" ="
while read KEY VALUE REST; do
    [[ CRASHTIME == "$KEY" ]] && CRASHTIME=$VALUE
    [[ OSRELEASE == "$KEY" ]] && OSRELEASE=$VALUE
done < makedumpfile_stderr
echo "$OSRELEASE $CRASHTIME"
'''
SUSE_SAVE = '''
mkfifo fifo
makedumpfile -F {} --message-level {} -d 31 $MAKEDUMPFILE_OPTIONS "$VMCORE" > fifo 2> err &
cat fifo > vmcore
wait $!
'''


def suse_facts(test: Rows, ran: Ran) -> None:
    core = callers.core().source
    test.assertEqual(ran.out, f'{core.info("OSRELEASE")} {core.info("CRASHTIME")}\n')


def suse_words(level: int) -> Check:
    """6 is what SUSE runs by default; KDUMP_VERBOSE adds 1 and 8."""
    def check(test: Rows, ran: Ran) -> None:
        text = ran.text('err')
        test.assertEqual('%' in text, bool(level & 1))
        test.assertEqual('OSRELEASE=' in text, bool(level & 8))
        test.assertIn('The dumpfile is saved to STDOUT.', text)
    return check


SUSE_ROWS = (
    Row('suse_dmesg', SUSE_DMESG, (suse_facts, kernel_log('dmesg')), shell='bash'),
    Row('suse_elf', SUSE_SAVE.format('-E', 6), (stream('vmcore', codec=None), suse_words(6)), shell='bash'),
) + tuple(
    Row(f'suse_{codec}_{level}', SUSE_SAVE.format(f'{option} --num-threads {threads}', level),
        (stream('vmcore', codec=codec), suse_words(level)), shell='bash')
    for codec, option, level, threads in (('zlib', '-c', 6, 2), ('zlib', '-c', 15, 32), ('lzo', '-l', 7, 4),
                                          ('snappy', '-p', 14, 3), ('zstd', '-z', 15, 2)))

# ---- Debian, Ubuntu: kdump-tools (kdump-config) ----------------------------------------------------

DEBIAN = ('makedumpfile -F -c -d 31 "$VMCORE" | {0} > dump-incomplete && mv dump-incomplete dump'
          ' && {1} < dump > stream')
DEBIAN_ROWS = (
    Row('debian_dmesg', 'makedumpfile --dump-dmesg "$VMCORE" dmesg.202611241500', (kernel_log('dmesg.202611241500'),)),
    Row('debian_plain', DEBIAN.format('cat', 'cat'), (stream('stream'),)),
    Row('debian_gzip', DEBIAN.format('gzip -c', 'gzip -dc'), (stream('stream'),)),
    Row('debian_bzip2', DEBIAN.format('bzip2 -c', 'bzip2 -dc'), (stream('stream'),)),
    Row('debian_lz4', DEBIAN.format('lz4 -c', 'lz4 -dc'), (stream('stream'),)),
    Row('debian_xz', DEBIAN.format('xz -0 -c', 'xz -dc'), (stream('stream'),)),
    # kdump-config appends -F unless the options begin with it.
    Row('debian_f_last', 'makedumpfile -c -d 31 -F "$VMCORE" > stream', (stream('stream'),)),
    Row('debian_f_twice', 'makedumpfile -c -F -d 31 -F "$VMCORE" > stream', (stream('stream'),)),
    Row('debian_f_bundled', 'makedumpfile -Fcd31 "$VMCORE" > stream', (stream('stream'),)),
    Row('debian_uncompressed', 'makedumpfile -F -d 31 "$VMCORE" > stream', (stream('stream', codec='none'),)),
    Row('debian_fails', 'makedumpfile -F -c -d 31 ./none > stream',
        (fails('none'), lambda test, ran: test.assertEqual(ran.text('stream'), '')), status=1),
)

# ---- Others ----------------------------------------------------------------------------------------

OTHER_ROWS = (
    Row('steamos_dmesg', '"$BIN/makedumpfile" --dump-dmesg "$VMCORE" dmesg.txt', (kernel_log('dmesg.txt'),)),
    Row('steamos', '"$BIN/makedumpfile" -z -d 31 "$VMCORE" vmcore.compressed',
        (dump('vmcore.compressed', codec='zstd'),)),
    Row('nixos', 'makedumpfile -D -c -d 31 "$VMCORE" dump', (dump('dump'),)),
    Row('nixos_threads', 'makedumpfile -D -c -d 31 --num-threads $(nproc) "$VMCORE" dump', (dump('dump'),)),
    Row('op_test_split', 'makedumpfile -v; makedumpfile --split -d 31 -l "$VMCORE" dump3 dump4'
        ' && makedumpfile --reassemble dump3 dump4 dump5',
        (dump('dump5', codec='lzo'), says('The dumpfiles are saved to dump3, and dump4.',
                                          'The dumpfile is saved to dump5.'))),
    Row('op_test_b', 'makedumpfile -b 8 -d 31 -c "$VMCORE" dump', (dump('dump'),)),
    Row('op_test_cyclic_buffer', 'makedumpfile --cyclic-buffer 1024 -d 31 -c "$VMCORE" dump', (dump('dump'),)),
    Row('op_test_work_dir', 'makedumpfile --work-dir . --non-mmap -d 31 -c "$VMCORE" dump', (dump('dump'),)),
    Row('op_test_elf', 'makedumpfile -E -d 31 "$VMCORE" dump', (elf('dump'), private('dump'))),
    Row('op_test_flat', 'makedumpfile -F -d 31 -c "$VMCORE" > flat && makedumpfile -R dump < flat', (dump('dump'),)),
    Row('op_test_force', 'echo old > dump; makedumpfile -f -c -d 31 "$VMCORE" dump', (dump('dump'),)),
    Row('levels_first_fits', 'makedumpfile -c -d 9,17,31 "$VMCORE" dump', (dump('dump', level=9),)),
    Row('levels_last_fits', 'makedumpfile -d 0,31 -L 100M "$VMCORE" dump', (dump('dump', codec='none'),)),
    Row('no_room', 'makedumpfile -c -d 31 -L 4M "$VMCORE" dump',
        (fails(), flagged('dump'), says_incomplete,
         lambda test, ran: test.assertLessEqual(os.path.getsize(ran.path('dump')), 4 << 20)), status=1),
    Row('predict', 'makedumpfile -c -d 31 --dry-run --show-stats "$VMCORE" dump',
        (says('Original pages  : 0x', 'Write bytes     : '), no_file)),
    Row('retrace_unflatten', 'makedumpfile -F -l -d 1 "$VMCORE" > incoming 2> err && makedumpfile -R vmcore < incoming',
        (dump('vmcore', level=1, codec='lzo'),)),
    Row('retrace_strip', 'makedumpfile -c -d 1 "$VMCORE" vmcore > out 2>&1 && makedumpfile -c -d 31 vmcore stripped',
        (dump('stripped'),)),
    Row('quiet', 'makedumpfile -c -d 31 --message-level 0 "$VMCORE" dump', (dump('dump'), silent)),
    Row('progress_only', 'makedumpfile -c -d 31 --message-level 1 "$VMCORE" dump',
        (lambda test, ran: test.assertEqual(ran.out, ''), lambda test, ran: test.assertIn('%', ran.err))),
    Row('version', 'makedumpfile -v', (version,)),
    Row('help', 'makedumpfile --help', (says('--num-threads'),)),
    Row('unknown_option', 'makedumpfile --frobnicate "$VMCORE" dump',
        (fails('--frobnicate', files=[]),
         lambda test, ran: test.assertEqual('Commandline parameter is invalid.' in ran.out, ran.name == 'makedumpfile'),
         lambda test, ran: test.assertIn(f"Try `{ran.name} --help' for more information.", ran.out + ran.err)),
        status=1),
)

# What the original refuses, or cannot do with this vmcore.
ROWS_BEYOND = (
    Row('beyond_mem_usage', 'makedumpfile --mem-usage "$VMCORE"',
        (lambda test, ran: [test.assertRegex(ran.out, rf'(?m)^{row}\s+\d+\s') for row in
                            ('ZERO', 'NON_PRI_CACHE', 'PRI_CACHE', 'USER', 'FREE', 'KERN_DATA')],
         lambda test, ran: test.assertRegex(ran.out, r'TYPE\s+PAGES\s+EXCLUDABLE'),
         lambda test, ran: test.assertNotIn('Completed.', ran.out))),
    Row('beyond_elf_threads', 'makedumpfile -E -d 31 --num-threads 2 "$VMCORE" dump', (elf('dump'),)),
    Row('beyond_elf_of_kdump', 'makedumpfile -l -d 31 "$VMCORE" kd > out 2>&1; makedumpfile -E -d 31 kd dump',
        (elf('dump'),)),
    Row('beyond_read_flat', 'makedumpfile -F -l -d 1 "$VMCORE" > flat 2> err && makedumpfile -c -d 31 flat dump',
        (dump('dump'),)),
    Row('beyond_split_threads', 'makedumpfile --split --num-threads 2 -d 31 -l "$VMCORE" a b'
        ' && makedumpfile -c -d 31 a b dump', (dump('dump'),)),
    Row('beyond_stream', 'makedumpfile -F --stream zstd -d 31 "$VMCORE" | zstd -dc > stream',
        (stream('stream', codec='none'),)),
    Row('beyond_stream_lz4', 'makedumpfile -F --stream lz4 -d 31 "$VMCORE" | lz4 -dc > stream',
        (stream('stream', codec='none'),)),
)

ROWS = FEDORA_ROWS + CHECK_ROWS + COLLECTOR_ROWS + SUSE_ROWS + DEBIAN_ROWS + OTHER_ROWS + ROWS_BEYOND


class Rows(unittest.TestCase):
    def run_row(self, row: Row, name: str) -> None:
        ran = callers.run_line(name, row.line, row.shell)
        try:
            self.assertEqual(ran.status, row.status, ran)
            for check in row.checks:
                try:
                    check(self, ran)
                except AssertionError as error:
                    raise AssertionError(f'{error}\n{ran}') from None
        finally:
            ran.remove()


def _add(row: Row, name: str) -> None:
    title = f'test_{row.title}_as_{name}'
    assert not hasattr(Rows, title), f'two rows are called {row.title}'
    setattr(Rows, title, lambda self: self.run_row(row, name))


for _row in ROWS:
    for _name in _row.names:
        _add(_row, _name)


if __name__ == '__main__':
    unittest.main()
