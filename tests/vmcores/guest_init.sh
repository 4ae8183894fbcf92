#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash disable=SC3045  # busybox' read knows -t
#
# /init of the guest: fills memory with every class of page that a dump filter knows, tells the host
# about itself, saves the kernel's log and page flags, and waits to be dumped.
#
# Where /vmsift/capture.img is, it loads that as the capture kernel and crashes instead.
#
# Words on the console that the host waits for: @@BOOTED, @@BALLOON (it inflates the balloon and
# answers with a line), @@READY or @@CRASH. Between @@BEGIN NAME and @@END stands a file for facts.json.

/bin/busybox mkdir -p /bin /proc /sys /dev /mnt /tmp /names
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin:/vmsift
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
dmesg -n 4
echo "@@BOOTED"

# ---- the kernel's log: cleared once (it keeps its records), then lines that are not plain text ----

dmesg -c > /dev/null
echo "vmsift: the log was cleared" > /dev/kmsg
printf 'vmsift: a message of\ntwo lines' > /dev/kmsg
printf 'vmsift: bytes that are no text: \001 \177 caf\303\251 back\\slash tab\there' > /dev/kmsg

# ---- devices ----

while read -r module; do
    insmod "/vmsift/modules/$module.ko" || echo "insmod failed: $module"
done < /vmsift/modules/order
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -e /sys/block/vdc ] && break
    sleep 0.3
done
for disk in /sys/block/vd*; do
    case "$(cat "$disk/serial")" in
        files) FILES=/dev/${disk##*/} ;;
        save) SAVE=/dev/${disk##*/} ;;
        swap) SWAP=/dev/${disk##*/} ;;
    esac
done
echo "disks: files=$FILES save=$SAVE swap=$SWAP"

# ---- a memory block taken offline, where asked for: the last one that lets itself be emptied ----

if grep -q vmsift.offline /proc/cmdline; then
    for block in $(ls -d /sys/devices/system/memory/memory* | sort -V -r); do
        echo offline > "$block/state" && echo "offline: ${block##*/}" && break
    done 2>/dev/null
fi

# ---- amounts: in units of 1 % of the memory that is available ----

available=$(awk '/MemAvailable/{print $2}' /proc/meminfo)
UNIT=$((available / 1024 / 100))
for word in $(cat /proc/cmdline); do
    case "$word" in vmsift.unit=*) UNIT=${word#*=} ;; esac
done
[ "$UNIT" -lt 1 ] && UNIT=1
echo "MemAvailable $available kB, unit $UNIT MiB"

fill() { dd if="$1" of="$2" bs=64k count="$3" 2>/dev/null; }  # $3: 16 = 1 MiB

# ---- huge pages, while memory is not fragmented yet ----

hugetlb=$(($(awk '/Hugepagesize/{size = $2} END{print size + 0}' /proc/meminfo) / 1024))  # 0: it has none
if [ "$hugetlb" -ge 1 ] && [ "$hugetlb" -le $((UNIT * 4)) ]; then
    count=$((UNIT * 4 / hugetlb))
    [ "$count" -lt 2 ] && count=2
    [ "$count" -gt 8 ] && count=8
    echo "$count" > /proc/sys/vm/nr_hugepages
    workload huge mix $((hugetlb * (count / 2))) hugetlb  # the other half stays in the pool
fi
THP=/sys/kernel/mm/transparent_hugepage
if [ -e $THP/enabled ]; then
    echo always > $THP/enabled
    echo always > $THP/defrag
    for size in $THP/hugepages-64kB $THP/hugepages-256kB; do
        [ -e "$size/enabled" ] && echo always > "$size/enabled"
    done
    pmd=$(($(cat $THP/hpage_pmd_size 2>/dev/null || echo 0) / 1048576))
    if [ "$pmd" -ge 1 ] && [ "$pmd" -le $((UNIT * 3)) ]; then
        workload thp mix $((pmd * 2)) thp-mix
        workload thp zero "$pmd" thp-zero
        workload thp text "$pmd" thp-text
    fi
    workload thp text "$UNIT" thp-small  # large folios below the PMD size, where the kernel has them
fi

# ---- file cache ----

if [ -n "$FILES" ] && mount -t ext4 "$FILES" /mnt; then
    cat /mnt/text /mnt/random /mnt/zero /mnt/repeated > /dev/null  # clean, no private data
    workload file /mnt/mapped 0 file-map
    fill /dev/urandom /mnt/written-random $((UNIT * 16))
    fill /dev/zero /mnt/written-zero $((UNIT * 8))
    sync                                                           # clean, with buffer heads
    fill "$FILES" /dev/null 64                                     # cache of the block device
    echo 60000 > /proc/sys/vm/dirty_writeback_centisecs
    echo 60000 > /proc/sys/vm/dirty_expire_centisecs
    fill /mnt/text /mnt/written-dirty $((UNIT * 8))                # dirty
fi
mount -t tmpfs -o size=40% tmp /tmp
fill /dev/urandom /tmp/random $((UNIT * 32))
fill /dev/zero /tmp/zero $((UNIT * 48))

# ---- slab: dentries and inodes ----

mount -t tmpfs -o size=20%,nr_inodes=0 names /names
i=0
while [ $i -lt 1500 ]; do
    : > "/names/some-file-name-that-is-long-enough-$i"
    i=$((i + 1))
done
i=0
while [ $i -lt 300 ]; do
    mkdir "/names/directory-$i"
    i=$((i + 1))
done

# ---- processes and their memory ----

workload hog rand $((UNIT * 5)) anon-random
workload hog text $((UNIT * 7)) anon-text
workload hog rep $((UNIT * 3)) anon-repeated
workload hog zero $((UNIT * 4)) anon-zero
workload hog mix $((UNIT * 4)) anon-mix
workload shm text $((UNIT * 2)) shared
workload pipe text 2 pipes
workload threads 12 0 threads
if [ -n "$SWAP" ] && mkswap "$SWAP" > /dev/null && swapon "$SWAP"; then
    workload swap text $((UNIT * 2)) swapped
fi
KSM=/sys/kernel/mm/ksm
if [ -e $KSM/run ]; then
    workload ksm rep 1 merged                                      # equal pages become one
    echo 1000 > $KSM/pages_to_scan
    echo 1 > $KSM/run
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(cat $KSM/pages_sharing)" -gt 0 ] && break
        sleep 0.2
    done
    echo 0 > $KSM/run                                              # merged pages stay
    echo "ksm: $(cat $KSM/pages_shared) shared, $(cat $KSM/pages_sharing) sharing"
fi
workload poison 3 0 poisoned
for _ in 1 2 3; do sleep 100000 & done

echo "@@BALLOON"
read -r -t 60 answer
echo "host: $answer"
sleep 1

# ---- what the guest knows about itself ----

section() {
    echo "@@BEGIN $1"
    shift
    "$@" 2>/dev/null
    echo "@@END"
}
dmesg -n 1
section uname uname -a
section cmdline cat /proc/cmdline
section vmcoreinfo cat /sys/kernel/vmcoreinfo
section free free -k
section meminfo cat /proc/meminfo
section vmstat cat /proc/vmstat
section buddyinfo cat /proc/buddyinfo
section zoneinfo grep -E '^Node|pages free|spanned|present|managed|start_pfn' /proc/zoneinfo
section iomem cat /proc/iomem
section modules cat /proc/modules
section ps ps
section swaps cat /proc/swaps
section memory_blocks sh -c 'cat /sys/devices/system/memory/block_size_bytes; grep . /sys/devices/system/memory/memory*/state'
section nodes sh -c 'grep . /sys/devices/system/node/node*/meminfo'
section mounts cat /proc/mounts
section dmesg_tail sh -c 'dmesg | tail -40'

# ---- a guest that crashes: the capture kernel, and what is to be run with it in place ----

if [ -e /vmsift/capture.img ]; then
    section loaded capture load /vmsift/vmlinuz /vmsift/capture.img "$(cat /vmsift/capture.cmdline)"
    section before sh /vmsift/before
fi

# Page flags last, and the process that saved them stays: hardly a page changes until the dump.
set -- "$SAVE" kmsg=/dev/kmsg kallsyms=/proc/kallsyms pagetypeinfo=/proc/pagetypeinfo slabinfo=/proc/slabinfo \
    vmallocinfo=/proc/vmallocinfo kpagecount=/proc/kpagecount kpageflags=/proc/kpageflags
[ -e /vmsift/capture.img ] || exec workload save "$@" @@READY
workload save "$@" saved | {
    read -r _
    echo "@@CRASH"
    taskset 1 sh -c 'echo c > /proc/sysrq-trigger'  # on the CPU that boots: the capture kernel wants that one
}
