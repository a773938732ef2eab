"""Runs the suites, counts, and says "N passed, N failed" at the end. Started by ./test."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "out"
SYSTEM = ROOT / "tests" / "system"

# suite -> (build directory, how to build it, meson suites)
MESON = {
    "static": ("default", ["--tests"], ["static"]),
    "unit": ("default", ["--tests"], ["unit"]),
    "contract": ("default", ["--tests"], ["contract"]),
    "scenario": ("default", ["--tests"], ["scenario"]),
    "fuzz": ("default", ["--tests"], ["fuzz"]),
    "asan": ("asan", ["--sanitize", "asan"], ["unit", "contract", "scenario", "fuzz"]),
    "tsan": ("tsan", ["--sanitize", "tsan"], ["contract", "scenario"]),
}
SUITES = [*MESON, "system"]

# A finding of a sanitizer ends the program, so that it fails the test.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:halt_on_error=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=1:exitcode=99",
}


class Result:
    def __init__(self, suite):
        self.suite, self.passed, self.failed, self.skipped = suite, 0, [], 0
        self.began = time.monotonic()

    def print(self):
        seconds = time.monotonic() - self.began
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.suite}: {self.passed} passed, {len(self.failed)} failed{skipped}"
              f" ({seconds:.0f} s)", flush=True)
        for name in self.failed:
            print(f"  FAILED {name}", flush=True)


def build(kind, options, install):
    command = [str(ROOT / "build"), *options]
    if not install:
        command.append("--no-install")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout[-8000:], flush=True)
    return done.returncode == 0


def count_cmocka(result, name, test):
    """cmocka says each case; a program that says none counts as one."""
    text = test.get("stdout", "") + test.get("stderr", "")
    good = len(re.findall(r"^\[\s+OK\s+\] ", text, re.M))
    bad = set(re.findall(r"^\[  FAILED  \] (?!tests?:|\d)(\S+)", text, re.M))
    result.skipped += len(set(re.findall(r"^\[  SKIPPED \] (?!\d)(\S+)", text, re.M)))
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        result.passed += max(1, good)
    elif test["result"] == "SKIP":
        result.skipped += 1
    else:
        result.passed += good
        result.failed += [f"{name}: {case}" for case in sorted(bad)] or [name]
        print(text[-6000:], flush=True)


def run_meson(suite, pattern, install):
    kind, options, suites = MESON[suite]
    result = Result(suite)
    if not build(kind, options, install):
        result.failed.append("build")
        return result
    directory = OUT / kind
    command = ["meson", "test", "-C", str(directory), "--no-rebuild", "--logbase", suite]
    for name in suites:
        command += ["--suite", name]
    if suite in ("asan", "tsan"):
        command += ["--timeout-multiplier", "5"]
    log = directory / "meson-logs" / f"{suite}.json"
    log.unlink(missing_ok=True)
    if pattern:
        listed = subprocess.run([*command, "--list"], capture_output=True, text=True).stdout
        names = [line.split(" / ")[-1].strip() for line in listed.splitlines() if pattern in line]
        if not names:
            return result
        command += names
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **SANITIZERS})
    if not log.exists():
        if "No suitable tests" not in done.stdout and "No tests defined" not in done.stdout:
            print(done.stdout[-4000:], flush=True)
            result.failed.append("meson test")
        return result
    for line in log.read_text().splitlines():
        test = json.loads(line)
        count_cmocka(result, test["name"].split(" / ")[-1], test)
    return result


# --- system

def newest_first(stamp, *sources):
    return stamp.exists() and all(
        stamp.stat().st_mtime >= source.stat().st_mtime for source in sources)


def venv():
    """out/venv with exactly the packages of requirements.txt."""
    directory, stamp = OUT / "venv", OUT / "venv" / ".complete"
    lock = SYSTEM / "requirements.txt"
    if newest_first(stamp, lock):
        return directory / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
    python = directory / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                    "--require-hashes", "-r", lock], check=True)
    stamp.touch()
    return python


def go_command(module):
    """The Go of this machine, or, where it is older than go.mod wants and cannot do so itself (Debian
    12), the one that it fetches as a module, checked by Go's checksum database."""
    wanted = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.M).group(1)
    said = subprocess.run(["go", "version"], capture_output=True, text=True).stdout
    have = re.search(r"go(\d+)\.(\d+)\S* (\w+)/(\w+)", said)
    if (int(have[1]), int(have[2])) >= (1, 21):
        return "go"
    name = f"golang.org/toolchain@v0.0.1-go{wanted}.{have[3]}-{have[4]}"
    root = OUT / "go" / name.replace("/", "-")
    if not (root / "bin" / "go").exists():
        with tempfile.TemporaryDirectory() as empty:
            got = json.loads(subprocess.run(
                ["go", "mod", "download", "-json", name], cwd=empty, check=True,
                capture_output=True).stdout)
        with zipfile.ZipFile(got["Zip"]) as archive:
            archive.extractall(OUT / "go")
        (OUT / "go" / name).rename(root)
        (root / "src" / "_go.mod").rename(root / "src" / "go.mod")
        for program in [*root.glob("bin/*"), *root.glob("pkg/tool/*/*")]:
            program.chmod(0o755)
    return str(root / "bin" / "go")


def go_tools():
    """zlint and Pebble in out/tools, as go.sum pins them."""
    module = SYSTEM / "tools"
    stamp = OUT / "tools" / ".complete"
    if newest_first(stamp, module / "go.mod", module / "go.sum"):
        return
    if not shutil.which("go"):
        print("no Go here: the tests that need zlint or Pebble are left out", flush=True)
        return
    packages = re.findall(r'_ "(.*)"', (module / "tools.go").read_text())
    done = subprocess.run([go_command(module), "install", "-trimpath", *packages], cwd=module,
                          env={**{k: v for k, v in os.environ.items() if k != "GOROOT"},
                               "GOBIN": str(OUT / "tools")})
    if done.returncode == 0:
        stamp.touch()
    else:
        print("the tests that need zlint or Pebble are left out", flush=True)


def run_system(pattern, install):
    result = Result("system")
    if not build("default", [], install):
        result.failed.append("build")
        return result
    OUT.mkdir(exist_ok=True)
    python = venv()
    go_tools()
    with tempfile.TemporaryDirectory() as directory:
        report = pathlib.Path(directory) / "report.xml"
        command = [python, "-m", "pytest", "-q", "--tb=short", f"--junit-xml={report}", SYSTEM]
        if pattern:
            command += ["-k", pattern]
        done = subprocess.run(command, cwd=SYSTEM)
        if not report.exists():
            result.failed.append(f"pytest ended with {done.returncode}")
            return result
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            name = f"{case.get('classname')}::{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                if name not in result.failed:
                    result.failed.append(name)
            elif case.find("skipped") is not None:
                result.skipped += 1
            else:
                result.passed += 1
    return result


def main():
    parser = argparse.ArgumentParser(prog="./test")
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], metavar="SUITE")
    parser.add_argument("-k", dest="pattern", default="")
    parser.add_argument("--no-install", action="store_true")
    arguments = parser.parse_args()
    passed = failed = 0
    for suite in arguments.suites or SUITES:
        print(f"== {suite}", flush=True)
        if suite == "system":
            result = run_system(arguments.pattern, not arguments.no_install)
        else:
            result = run_meson(suite, arguments.pattern, not arguments.no_install)
        result.print()
        passed += result.passed
        failed += len(result.failed)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
