#!/usr/bin/env python3
"""Builds the Debian packages: `make deb` → build/deb/*.deb.

    hft               feedd, a virtual environment at /usr/lib/hft/venv (its final path), units, users, man pages
    hft-host-tuning   deploy/tuning, for a machine that trades; nothing else depends on it

dpkg-deb on a tree that this script lays out, and not debhelper: what debhelper would do by itself (start, enable,
restart on upgrade) is what a trader's package must not do, and the rest is a list of files. The environment's
packages are those of the checkout's .venv (the versions pinned in pyproject.toml), linked, not downloaded again; the
suite itself is built for any x86-64-v3 CPU. Needs a finished `make setup`. Run it with .venv/bin/python.
"""

from __future__ import annotations

import argparse
import compileall
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

from pip._vendor.packaging.requirements import Requirement  # pip is in every .venv, packaging need not be

ROOT = Path(__file__).resolve().parents[2]
DEBIAN, SYSTEMD, TUNING = (ROOT / "deploy" / name for name in ("debian", "systemd", "tuning"))
OUT = ROOT / "build" / "deb"
VENV = PurePosixPath("/usr/lib/hft/venv")
SITE = VENV / "lib/python3.11/site-packages"
COMMANDS = ("hft", "feedd", "braind", "watchd", "paperd")
MARCH = "x86-64-v3"  # braind.model.isa.PORTABLE_MARCH: a machine that runs portable models runs this
# Of the environment's packages, what no running daemon and no `hft model train` needs: torch's test programs, protoc,
# test libraries. torch/include stays: AOTInductor compiles models against it.
LEFT_OUT = (
    "torch/test/", "torch/bin/protoc", "torch/bin/test_", "torch/bin/FileStoreTest", "torch/bin/HashStoreTest",
    "torch/bin/TCPStoreTest", "torch/lib/libbackend_with_compiler.so", "torch/lib/libjitbackend_test.so",
    "torch/lib/libtorchbind_test.so", "torch/lib/libaoti_custom_ops.so",
    "pyarrow/include/",
)  # fmt: skip
SOURCES = (
    "CMakeLists.txt",
    "CHANGELOG.md",
    "README.md",
    "daemons",
    "deploy",
    "docs",
    "pyproject.toml",
    "schema",
)
LEFT_OUT_SUFFIXES = (".a", ".pyc", ".pyx", ".pxd")


def main() -> int:
    """Exit code 0, or whatever failed raises."""
    parser = argparse.ArgumentParser(description="Build the Debian packages into build/deb.")
    parser.add_argument(
        "--repack", metavar="VERSION", help="the tree of the last build once more, into build/deb/newer"
    )
    parser.add_argument(
        "--if-changed", action="store_true", help="nothing when the packages are of these very sources"
    )
    arguments = parser.parse_args()
    if arguments.repack:
        print(repack("hft", arguments.repack))
        return 0
    version = project()["version"]
    OUT.mkdir(parents=True, exist_ok=True)
    stamp, sources = OUT / "sources", digest_of_sources()
    if arguments.if_changed and stamp.exists() and stamp.read_text() == sources:
        print("\n".join(str(path) for path in sorted(OUT.glob("*.deb"))))
        return 0
    stamp.unlink(missing_ok=True)
    for old in OUT.glob("*.deb"):
        old.unlink()
    for package, lay_out in (("hft", lay_out_suite), ("hft-host-tuning", lay_out_tuning)):
        tree = OUT / package
        shutil.rmtree(tree, ignore_errors=True)
        lay_out(tree, version)
        print(finish(package, tree, version))
    stamp.write_text(sources)
    return 0


def digest_of_sources() -> str:
    """Of everything that goes into the packages: files of the checkout, names and versions of packages."""
    found = hashlib.sha256()
    for name in SOURCES:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(ROOT)} {path.stat().st_mode:o} {digest(path)}\n".encode())
    for name in sorted(runtime_packages()):
        found.update(f"{name} {metadata.version(name)}\n".encode())
    return found.hexdigest()


def project() -> dict[str, str]:
    """[project] of pyproject.toml."""
    table: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def lay_out_suite(tree: Path, version: str) -> None:
    """Everything of the package hft but DEBIAN/."""
    make_environment(tree)
    for command in COMMANDS:
        link(tree / "usr/bin" / command, f"..{str(VENV).removeprefix('/usr')}/bin/{command}")
    for unit in sorted(SYSTEMD.glob("*.*")):
        if unit.suffix in (".service", ".target", ".slice", ".mount"):
            copy(unit, tree / "usr/lib/systemd/system" / unit.name)
    copy(SYSTEMD / "sysusers.d/hft.conf", tree / "usr/lib/sysusers.d/hft.conf")
    copy(SYSTEMD / "tmpfiles.d/hft.conf", tree / "usr/lib/tmpfiles.d/hft.conf")
    copy(SYSTEMD / "paper-day", tree / "usr/lib/hft/paper-day", 0o755)
    copy(SYSTEMD / "hft.toml", tree / "etc/hft/hft.toml")
    for page in sorted((DEBIAN / "man").glob("*.[1-8]")):
        squeeze(page.read_bytes(), tree / f"usr/share/man/man{page.suffix[1:]}" / f"{page.name}.gz")
    completions = tree / "usr/share/bash-completion/completions"
    copy(DEBIAN / "completion.bash", completions / "hft")
    for command in COMMANDS[1:]:
        link(completions / command, "hft")
    documents = tree / "usr/share/doc/hft"
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        copy_document(document, documents / document.relative_to(ROOT))
    copy(ROOT / "deploy/hft.toml", documents / "examples/hft.toml")
    documents_of(documents, version)
    copy(DEBIAN / "hft.lintian-overrides", tree / "usr/share/lintian/overrides/hft")


def copy_document(source: Path, target: Path) -> None:
    """As it lies in the checkout, so that `docs/RUNBOOK.md` in a message is a path from /usr/share/doc/hft."""
    text = source.read_text().replace("deploy/hft.toml)", "examples/hft.toml)")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o644)


def lay_out_tuning(tree: Path, version: str) -> None:
    """deploy/tuning below the directories it is for."""
    for source in sorted((TUNING / "root").rglob("*")):
        if source.is_file():
            copy(source, tree / source.relative_to(TUNING / "root"), source.stat().st_mode & 0o755)
    documents_of(tree / "usr/share/doc/hft-host-tuning", version)


def documents_of(directory: Path, version: str) -> None:
    """What Debian wants of every package."""
    copy(DEBIAN / "copyright", directory / "copyright")
    entry = (DEBIAN / "changelog").read_text().replace("@VERSION@", version)
    squeeze(entry.encode(), directory / "changelog.gz")


# -- the virtual environment --------------------------------------------------------------------------------------


def make_environment(tree: Path) -> None:
    """The environment as it will lie: interpreter links, the pinned packages, the suite, bytecode."""
    home = tree / VENV.relative_to("/")
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", home], check=True)
    for script in [*(home / "bin").glob("[Aa]ctivate*"), home / "lib64"]:
        script.unlink()
    (home / "pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n"
    )
    site = tree / SITE.relative_to("/")
    for source, target in wanted_files():
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        os.link(source, site / target)
    install_suite(tree)
    compileall.compile_dir(str(site), quiet=2, workers=0, stripdir=str(tree), legacy=False, force=True)


def wanted_files() -> Iterator[tuple[Path, PurePosixPath]]:
    """(file of .venv, its place in site-packages) of the run-time packages."""
    for name in sorted(runtime_packages()):
        for entry in metadata.distribution(name).files or ():
            place = PurePosixPath(entry)
            if place.parts[0] == ".." or is_left_out(place):
                continue
            source = Path(str(entry.locate()))
            if source.is_file():
                yield source, place


def is_left_out(place: PurePosixPath) -> bool:
    """Also every package's own tests, but torch's: parts of it import each other from there."""
    tests = "tests" in place.parts and place.parts[0] != "torch"
    return tests or str(place).startswith(LEFT_OUT) or place.suffix in LEFT_OUT_SUFFIXES


def runtime_packages() -> set[str]:
    """Names of what the suite's dependencies need, all the way down."""
    found: set[str] = set()
    wanted = [Requirement(text) for text in project()["dependencies"]]
    while wanted:
        requirement = wanted.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = requirement.name.lower().replace("_", "-")
        if name not in found:
            found.add(name)
            wanted += [Requirement(text) for text in metadata.requires(name) or ()]
    return found


def install_suite(tree: Path) -> None:
    """The suite's wheel, built for MARCH, with the interpreter of its final path in its scripts."""
    wheels = OUT / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = [
        "--no-build-isolation",
        "--no-deps",
        "-w",
        wheels,
        "--config-settings=cmake.define.HFT_NATIVE_ARCH=OFF",
    ]
    flags = {"CXXFLAGS": f"-march={MARCH} -ffile-prefix-map={ROOT}=."}
    subprocess.run(
        [*pip, "wheel", *build, f"--config-settings=build-dir={OUT / 'cmake'}", ROOT],
        check=True,
        env=os.environ | flags,
    )
    (wheel,) = wheels.glob("*.whl")
    place = ["--no-deps", "--no-index", "--no-compile", "--no-warn-script-location", "--ignore-installed"]
    subprocess.run([*pip, "install", *place, "--root", tree, "--prefix", VENV, wheel], check=True)
    site = tree / SITE.relative_to("/")
    for leftover in ("direct_url.json", "REQUESTED"):  # where it was built is nobody's business
        for file in site.glob(f"hft_suite-*/{leftover}"):
            file.unlink()
    for script in sorted((tree / VENV.relative_to("/") / "bin").iterdir()):
        if not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            lines = script.read_text().splitlines(keepends=True)
            script.write_text(f"#!{VENV}/bin/python3\n" + "".join(lines[1:]))


# -- the package --------------------------------------------------------------------------------------------------


def finish(package: str, tree: Path, version: str) -> Path:
    """DEBIAN/ and the .deb."""
    set_modes(tree)
    control = tree / "DEBIAN"
    control.mkdir()
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    fields = (DEBIAN / f"{package}.control").read_text()
    size = sum(path.stat().st_size for path in files) // 1024
    (control / "control").write_text(f"{fields}Version: {version}\nInstalled-Size: {size}\n")
    sums = [f"{digest(path)}  {path.relative_to(tree)}\n" for path in files]
    (control / "md5sums").write_text("".join(sums))
    configured = [f"/{path.relative_to(tree)}\n" for path in files if path.is_relative_to(tree / "etc")]
    if configured:
        (control / "conffiles").write_text("".join(configured))
    for script in ("preinst", "postinst", "prerm", "postrm", "triggers"):
        source = DEBIAN / f"{package}.{script}"
        if source.exists():
            copy(source, control / script, 0o644 if script == "triggers" else 0o755)
    for path in control.iterdir():
        path.chmod(0o755 if path.name in ("preinst", "postinst", "prerm", "postrm") else 0o644)
    deb = OUT / f"{package}_{version}_{'amd64' if package == 'hft' else 'all'}.deb"
    pack(tree, deb)
    return deb


def repack(package: str, version: str) -> Path:
    """The same files under another version: what an upgrade is tried with."""
    control = OUT / package / "DEBIAN" / "control"
    was = control.read_text()
    (OUT / "newer").mkdir(exist_ok=True)
    deb = OUT / "newer" / f"{package}_{version}_amd64.deb"
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in was.splitlines()]
    try:
        control.write_text("\n".join(lines) + "\n")
        pack(OUT / package, deb)
    finally:
        control.write_text(was)
    return deb


def pack(tree: Path, deb: Path) -> None:
    """With gzip at its fastest: xz takes minutes for a fifth less, and lintian does not know zstd yet."""
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, deb], check=True)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def set_modes(tree: Path) -> None:
    """Directories 0755, files 0644 or 0755, whatever this user's umask is. Linked files keep theirs."""
    for path in [tree, *tree.rglob("*")]:
        if path.is_symlink():
            continue
        if path.is_dir():
            path.chmod(0o755)
        elif path.stat().st_nlink == 1:
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def squeeze(data: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    sys.exit(main())
