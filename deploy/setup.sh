#!/usr/bin/env bash
# Makes everything `make demo` and `make test` need, from nothing: Debian packages, .venv, Python packages, build.
# Says what it is about to install and how big it is; does nothing the second time.
#
#   deploy/setup.sh run     what the suite needs to build and run
#   deploy/setup.sh test    that, and what its tests need
#   deploy/setup.sh machine that, and an emulator for a whole machine
set -euo pipefail
cd "$(dirname "$0")/.."
level=${1:?usage: deploy/setup.sh run|test|machine}
venv=.venv
stamps=$venv/.hft

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "need root to run: $* (install sudo, or run that as root once)"
  fi
}

debian_packages() {  # the names in a list file
  sed 's/#.*//' "$1" | awk 'NF {print $1}'
}

install_debian_packages() {
  local wanted missing=()
  wanted=$(for list in "$@"; do debian_packages "$list"; done)
  for name in $wanted; do
    dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "no apt-get here; install the equivalents of: ${missing[*]}"
  say "Debian packages to install: ${missing[*]}"
  as_root apt-get update -qq
  { LC_ALL=C apt-get install --assume-no --no-install-recommends "${missing[@]}" 2>/dev/null || true; } |
    grep -E '^(Need to get|After this operation)' >&2 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

make_venv() {
  [ -x $venv/bin/python ] && [ -x $venv/bin/pip ] && return 0
  say "Making $venv with $(/usr/bin/python3 --version)"
  /usr/bin/python3 -m venv $venv
}

# Pins live in pyproject.toml; a torch that is already in .venv is accepted whatever its build.
requirements() {
  $venv/bin/python - "$@" <<'PY'
import importlib.util, sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
wanted = project["build-system"]["requires"] + project["project"]["dependencies"]
for extra in sys.argv[1:]:
    wanted += project["project"]["optional-dependencies"][extra]
have_torch = importlib.util.find_spec("torch") is not None
print("\n".join(dict.fromkeys(w for w in wanted if not (have_torch and w.startswith("torch==")))))
PY
}

install_python_packages() {
  local list stamp=$stamps/python-$level
  list=$(requirements "$@")
  mkdir -p $stamps
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$list" ]; then return 0; fi
  say "Python packages to install into $venv (pinned in pyproject.toml):"
  tr '\n' ' ' <<<"$list" | fold -s -w 110 >&2; echo >&2
  if grep -q '^torch==' <<<"$list"; then
    cat >&2 <<'TXT'
    About 450 MB to download with a CPU build of PyTorch (1.6 GB on disk), several GB when pip picks the CUDA
    build. To choose yourself, stop here and put a CPU torch into .venv first (README, "Set-up"); it is kept.
TXT
  fi
  $venv/bin/python -m pip install --disable-pip-version-check --progress-bar on $(tr '\n' ' ' <<<"$list") >&2
  requirements "$@" >"$stamp"
}

build() {
  local stamp=$stamps/built
  if [ -f $stamp ] && [ -x $venv/bin/feedd ] &&
     [ -z "$(find pyproject.toml CMakeLists.txt schema daemons deploy/setup.sh -newer $stamp \
             \( -name '*.cpp' -o -name '*.hpp' -o -name '*.fbs' -o -name 'CMakeLists.txt' \
                -o -name pyproject.toml -o -name reflection.py \) -print -quit)" ]; then
    return 0
  fi
  say "Building feedd and the extension (under a minute)"
  $venv/bin/python -m pip install --disable-pip-version-check -q --no-build-isolation --no-deps -e . >&2
  touch $stamp
}

case $level in
  run)
    install_debian_packages deploy/debian/build-packages.txt
    make_venv
    install_python_packages ;;
  test)
    install_debian_packages deploy/debian/build-packages.txt deploy/debian/test-packages.txt
    make_venv
    install_python_packages dev bench ;;
  machine)
    install_debian_packages deploy/debian/build-packages.txt deploy/debian/test-packages.txt
    (install_debian_packages deploy/debian/machine-packages.txt) ||
      say "No emulator: the tests of a whole machine will be skipped"
    make_venv
    level=test
    install_python_packages dev bench ;;
  *) die "unknown level: $level" ;;
esac
build
