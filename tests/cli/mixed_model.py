"""mixed_model.py PATH.bin: a LLaMA of two blocks in llama2.c's format whose matrices hold other N:M patterns in each: q is 2:4
in the first and 4:8 in the second; k is 3:8, with one weight less in the first; v is 1:2 but for one full group of 16 in the
second. All other weights are ones."""

import pathlib
import struct
import sys

SIZE, LAYERS, HEADS, VOCABULARY, POSITIONS = 16, 2, 2, 10, 4


def rows(group, count):
    return (group * SIZE)[:SIZE] * count


def main(path):
    q = rows([1, 1, 0, 0], SIZE) + rows([1, 1, 1, 1, 0, 0, 0, 0], SIZE)
    k = [0] + rows([1, 1, 1, 0, 0, 0, 0, 0], LAYERS * SIZE)[1:]
    v = rows([1, 0], LAYERS * SIZE - 1) + [1] * SIZE
    ones = [1] * (LAYERS * 4 * SIZE * SIZE + LAYERS * SIZE + SIZE)  # o, gate, up, down and the other norms
    weights = [1] * (VOCABULARY * SIZE + LAYERS * SIZE) + q + k + v + ones
    tables = [0] * (POSITIONS * SIZE // HEADS)
    header = struct.pack("<7i", SIZE, SIZE, LAYERS, HEADS, HEADS, VOCABULARY, POSITIONS)
    path.write_bytes(header + struct.pack(f"<{len(weights + tables)}f", *weights, *tables))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
