# SPDX-License-Identifier: GPL-2.0-or-later
# What quickstart and test share; sourced, not run. Says what is done and how long it took.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export VMSIFT_CACHE=${VMSIFT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmsift}

say() { printf '\n== [%4ds] %s\n' "$SECONDS" "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# install_packages LIST...: apt packages that are named in the lists and not installed yet.
install_packages() {
  local wanted missing=() package
  wanted=$(cat "$@" | sed 's/#.*//')
  for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET [TARGET]
build() {
  local preset=$1 target=${2:-all}
  say "building $preset"
  (cd "$top" && cmake --preset "$preset" >/dev/null &&
    cmake --build --preset "$preset" --target "$target" | tail -n 1)
}
