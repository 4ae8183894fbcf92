# SPDX-License-Identifier: GPL-2.0-or-later
# One of Debian's cross compilers; libraries from a folder of unpacked packages; what was built runs under QEMU's
# user-mode emulation. CMakePresets.json has the first two, tests/cross/libraries.py prints the third:
#   VMSIFT_TRIPLET    s390x-linux-gnu
#   VMSIFT_EMULATOR   qemu-s390x-static
#   VMSIFT_LIBRARIES  the folder that has usr/include and usr/lib/TRIPLET
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES VMSIFT_TRIPLET VMSIFT_EMULATOR VMSIFT_LIBRARIES)
foreach(variable IN LISTS CMAKE_TRY_COMPILE_PLATFORM_VARIABLES)
  if(NOT ${variable})
    message(FATAL_ERROR "${variable} is not set: scripts/test --cross does")
  endif()
endforeach()

string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${VMSIFT_TRIPLET})
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER ${VMSIFT_TRIPLET}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${VMSIFT_TRIPLET})
# The C library is the cross compiler's, also where programs run.
# Libraries find each other too, where they were linked from (an rpath, which a runpath does not do).
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,--disable-new-dtags)
set(CMAKE_CROSSCOMPILING_EMULATOR ${VMSIFT_EMULATOR} -L /usr/${VMSIFT_TRIPLET})

set(CMAKE_FIND_ROOT_PATH ${VMSIFT_LIBRARIES} /usr/${VMSIFT_TRIPLET})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${VMSIFT_LIBRARIES})
set(ENV{PKG_CONFIG_LIBDIR} ${VMSIFT_LIBRARIES}/usr/lib/${VMSIFT_TRIPLET}/pkgconfig)
set(ENV{PKG_CONFIG_PATH} "")
