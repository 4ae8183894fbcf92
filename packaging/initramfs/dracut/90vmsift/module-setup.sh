#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dracut module "vmsift": the collector, for an initramfs that saves /proc/vmcore itself.
#   cp -r 90vmsift /usr/lib/dracut/modules.d/ && dracut --add vmsift ...

check() {
    require_binaries vmsift || return 1
    return 255 # only when asked for
}

depends() {
    return 0
}

# Libraries come along, by ldd; what is loaded later is optional. It reads no file of the image and writes none but the
# dump.
install() {
    inst_multiple vmsift
    inst_multiple -o vmsift-makedumpfile # a link to it
}
