#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# /init of the capture kernel: mounts the disks for dumps, runs the steps of /vmsift/steps one after
# the other on the same /proc/vmcore, and tells the host what each took.
#
# Nothing can be written but the disks: collectors that need another place fail here.
#
# Words on the console that the host waits for: @@CAPTURE, @@DONE. Between @@BEGIN NAME and @@END
# stands a file for the report.

/bin/busybox mkdir -p /bin /proc /sys /dev /dump /small
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin:/vmsift
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
dmesg -n 1
echo "@@CAPTURE"

while read -r module; do
    insmod "/vmsift/modules/$module.ko" || echo "insmod failed: $module"
done < /vmsift/modules/order
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -e /sys/block/vdd ] && break
    sleep 0.3
done
FULL=
for disk in /sys/block/vd*; do
    case "$(cat "$disk/serial")" in
        full) FULL=/dev/${disk##*/} ;;
        dump) mount -t ext4 "/dev/${disk##*/}" /dump || echo "@@FAILED mount" ;;
        small) mount -t ext4 "/dev/${disk##*/}" /small || echo "@@FAILED mount" ;;
    esac
done
mount -o remount,ro dev /dev
mount -o remount,ro / || echo "@@FAILED remount"

section() {
    echo "@@BEGIN $1"
    shift
    "$@" 2>&1
    echo "@@END"
}
# shellcheck disable=SC2016  # the inner shell expands
section capture.writable sh -c 'for place in / /dev /dev/shm /tmp /run /var/tmp; do : > $place/x && echo $place; done 2>/dev/null'
section capture.mounts cat /proc/mounts
section capture.cmdline cat /proc/cmdline
section capture.meminfo cat /proc/meminfo
section capture.cpus grep -c ^processor /proc/cpuinfo

while read -r step; do
    sh "/vmsift/steps/$step.prepare"
    sync
    echo 3 > /proc/sys/vm/drop_caches
    # shellcheck disable=SC2046  # options are words
    section "step.$step" capture run $(cat "/vmsift/steps/$step.options") "$(cat "/vmsift/steps/$step.command")"
done < /vmsift/steps/order
if [ -n "$FULL" ] && [ -e /vmsift/steps/full ]; then
    section capture.full capture copy /proc/vmcore "$FULL"
fi
section capture.dmesg dmesg
section capture.files ls -la /dump /small
umount /dump /small
sync
echo "@@DONE"
poweroff -f
