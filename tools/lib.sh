# shellcheck shell=bash
# What the scripts share. Source it: it stops the script at the first error, knows the folders, and installs nothing itself.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${SPARSECIM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sparsecim}

note() { printf '== %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "'$1' needs root, and there is no sudo; run this script as root once"
  fi
}

# One at a time: two scripts started together must not fill the cache in each other's way.
lock_cache() {
  mkdir -p "$cache" || die "cannot make the cache folder $cache; name another by SPARSECIM_CACHE"
  exec 9>"$cache/lock"
  flock 9
}

# Makes the empty folder "$staging" in the cache, gone again when the script ends: what is fetched is put together there
# and renamed into place when it is whole, so that an interrupted run leaves nothing half done.
make_staging() {
  staging=$(mktemp -d "$cache/unfinished.XXXXXX")
  trap 'rm -rf "$staging"' EXIT
}

# A private Python for pip, because a machine's own pip may be absent, or refuse to install ("externally managed").
make_python() {
  "$cache/python/bin/python" -c 'import pip' 2>/dev/null && return
  note "making a Python environment in $cache/python"
  rm -rf "$cache/python"
  python3 -m venv "$cache/python" || die "python3 -m venv failed; is the package python3-venv installed?"
}

# fetch_wheels FOLDER REQUIREMENTS: downloads pinned wheels for CPython 3.11 on Linux x86-64, whatever Python runs here;
# pip checks each file against the sha256 in REQUIREMENTS.
fetch_wheels() {
  local platforms
  mapfile -t platforms < <(printf -- '--platform=manylinux_2_%d_x86_64\n' {17..28})
  TMPDIR=$staging "$cache/python/bin/python" -m pip download --quiet --disable-pip-version-check --no-cache-dir \
    --no-deps --only-binary :all: --require-hashes --implementation cp --python-version 3.11 --abi cp311 --abi none \
    "${platforms[@]}" --platform manylinux2014_x86_64 --dest "$1" --requirement "$2" ||
    die "cannot download what $2 names; is the Python package index reachable?"
}

libtorch_version() { sed -n 's/^torch==\([0-9.]*\).*/\1/p' "$repository/tools/libtorch.txt"; }

# The folder that holds torch/ and nvidia/: given by SPARSECIM_LIBTORCH, or made by tools/setup.
libtorch_folder() { printf '%s\n' "${SPARSECIM_LIBTORCH:-$cache/libtorch-$(libtorch_version)}"; }

# configure_release [CMAKE ARGUMENTS...], build_release [TARGETS...]: build/release, silent while all is well.
configure_release() { quietly build/release.log cmake --preset release "$@"; }
build_release() {
  note "building in build/release"
  cmake --build --preset release --parallel "$(nproc)" ${1:+--target "$@"}
}

# quietly LOG COMMAND...: shows what the command printed only when it fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    die "this failed, with its output above: $*"
  }
}
