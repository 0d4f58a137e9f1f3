"""The kernels' objects are compiled for instruction sets that a processor may lack: a function there that the linker may
share with other files (a weak symbol) could be the copy that everybody calls. So they define their table, and no more."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

FILES = ("avx2", "avx_vnni", "avx512_vnni")


def objects():
    build = pathlib.Path(os.environ.get("SPARSECIM_BUILD", pathlib.Path(__file__).parents[2] / "build/release"))
    found = [build / f"CMakeFiles/sparsecim.dir/src/kernels/{name}.cpp.o" for name in FILES]
    return [path for path in found if path.exists()]


class KernelObjects(unittest.TestCase):
    def test_define_nothing_but_their_table(self):
        for path in objects():
            symbols = subprocess.run(["nm", "--defined-only", "--demangle", path], capture_output=True, text=True,
                                     check=True).stdout
            shared = [line for line in symbols.splitlines() if not re.search(r" [a-z] ", line) or " u " in line]
            self.assertEqual(len(shared), 1, shared)
            self.assertRegex(shared[0], r" D sparsecim::k\w+Int8$")


if __name__ == "__main__":
    if not objects():
        print("no objects of kernels in SPARSECIM_BUILD")
        sys.exit(77)
    unittest.main()
