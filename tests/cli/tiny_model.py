"""tiny_model.py PATH.bin [POSITIONS]: a LLaMA of 130,000 random weights in llama2.c's format, with its tokenizer.bin beside
it: every byte, and the letters. The same weights every time."""

import pathlib
import random
import string
import struct
import sys

HIDDEN, WIDE, LAYERS, HEADS, KV_HEADS = 64, 128, 3, 4, 2
TOKENS = ["<unk>", "\n<s>\n", "\n</s>\n", *(f"<0x{byte:02X}>" for byte in range(256)), *" .,\n", *string.ascii_letters]


def weights(count, scale):
    generator = random.Random(count)
    return struct.pack(f"<{count}f", *(generator.gauss(0, scale) for _ in range(count)))


def ones(count):
    return struct.pack(f"<{count}f", *([1.0] * count))


def main(path, positions=128):
    key_values = HIDDEN // HEADS * KV_HEADS
    with path.open("wb") as file:
        file.write(struct.pack("<7i", HIDDEN, WIDE, LAYERS, HEADS, KV_HEADS, len(TOKENS), positions))
        file.write(weights(len(TOKENS) * HIDDEN, 0.3))
        file.write(ones(LAYERS * HIDDEN))
        for rows in (HIDDEN, key_values, key_values, HIDDEN):  # q k v o
            file.write(weights(LAYERS * rows * HIDDEN, 0.2))
        file.write(ones(LAYERS * HIDDEN))
        for _ in range(3):  # gate down up
            file.write(weights(LAYERS * WIDE * HIDDEN, 0.2))
        file.write(ones(HIDDEN))
        file.write(bytes(4 * positions * HIDDEN // HEADS))  # rotary tables, which nobody reads any more
    with path.with_name("tokenizer.bin").open("wb") as file:
        file.write(struct.pack("<i", max(map(len, TOKENS))))
        for token in TOKENS:
            file.write(struct.pack("<fi", 0.0, len(token)) + token.encode())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:]))
