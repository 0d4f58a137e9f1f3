"""stand_ins.py LIBTORCH OUT: makes stand-ins for the GPU libraries that PyTorch's Python half is linked against.

libtorch_python.so from the CUDA wheel does not load without libtorch_cuda.so, libcudnn and libcufile, though nothing
calls them when the tensors stay on the CPU. Each stand-in has the absent library's name and defines what the loader
looks for: functions that say what happened and abort, type information that pybind11 registers classes by, and empty
virtual tables. conftest.py loads them before torch, so that the loader takes them for the real ones.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# Called while torch is imported: a reference to a function pointer, null until the GPU side fills it (torch/csrc/
# distributed/c10d/ProcessGroupNCCL.hpp).
CALLED_AT_IMPORT = "_ZN4c10d15get_gil_checkerEv"

PREAMBLE = """
#include <stdio.h>
#include <stdlib.h>
extern char class_type_info[] __asm__("_ZTVN10__cxxabiv117__class_type_infoE");
static void absent(const char* name) {
  fprintf(stderr, "PyTorch called %s, for which this machine has a stand-in only\\n", name);
  abort();
}
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(library, which):
    return {line.split()[-1] for line in run("nm", "-D", which, str(library)).splitlines() if " w " not in line}


def needed(library):
    return re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", str(library)))


def definition(symbol):
    if symbol.startswith("_ZTI"):  # Itanium C++ ABI 2.9.5: {virtual table past its two leading words, mangled name}
        return f'const void* const {symbol}[2] = {{class_type_info + 16, "{symbol[4:]}"}};'
    if symbol.startswith("_ZTV"):
        return f"void* const {symbol}[64] = {{0}};"
    if symbol == CALLED_AT_IMPORT:
        return f"void* {symbol}(void) {{ static void* checker; return &checker; }}"
    return f'void {symbol}(void) {{ absent("{symbol}"); }}'


def missing_symbols(users, absent):
    """What the users want and no library on this machine gives, those of Python's own interpreter aside."""
    loaded = re.findall(r"=> (/\S+)", run("ldd", str(users[0])))
    present = [path for path in loaded if pathlib.Path(path).name not in absent]
    defined = {name.split("@")[0] for path in present for name in symbols(path, "--defined-only")}
    wanted = {name for user in users for name in symbols(user, "--undefined-only")}
    return {name for name in wanted if name.split("@")[0] not in defined and not re.match("_?Py", name)}


def build(soname, names, scratch, out):
    """A shared library of that name; `names` carry symbol versions of their own (name@version) or none."""
    source = scratch / f"{soname}.c"
    source.write_text(PREAMBLE + "\n".join(definition(name.split("@")[0]) for name in sorted(names)) + "\n")
    options = [f"-Wl,-soname,{soname}"]
    if any("@" in name for name in names):
        versions = scratch / f"{soname}.map"
        versions.write_text(f"{soname} {{ global: *; }};\n")
        options.append(f"-Wl,--version-script={versions}")
    run("g++", "-x", "c", "-shared", "-fPIC", "-w", *options, "-o", str(out / soname), str(source))


def main(libtorch, out):
    libraries = libtorch / "torch/lib"
    present = {path.name for path in [*libraries.iterdir(), *(libtorch / "nvidia").glob("*/lib/*")]}
    users = [path for path in libraries.glob("lib*.so") if path.name in ("libtorch_python.so", "libtorch.so", "libshm.so")]
    users.sort(key=lambda path: path.name != "libtorch_python.so")
    absent = {name for user in users for name in needed(user) if re.match("lib(torch|cu)", name)} - present
    missing = missing_symbols(users, absent)
    out.mkdir(parents=True, exist_ok=True)
    for soname in sorted(absent):
        if soname == "libtorch_cuda.so":
            names = {name for name in missing if "@" not in name}
        else:
            names = {name for name in missing if name.endswith("@" + soname)}
        with tempfile.TemporaryDirectory() as scratch:
            build(soname, names, pathlib.Path(scratch), out)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
