"""The work of tools/make-random-model."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import struct
import sys
import time

import numpy
import yaml

SHAPES = pathlib.Path(__file__).resolve().parent.parent / "shapes"
SHARD_BYTES = 5_000_000_000  # as Hugging Face's checkpoints are cut
CHUNK = 1 << 22  # weights drawn at a time
BYTES = {"bfloat16": 2, "float32": 4}


def read_shape(name):
    path = pathlib.Path(name) if os.sep in name or name.endswith(".yaml") else SHAPES / f"{name}.yaml"
    try:
        shape = yaml.safe_load(path.read_text())
        if "self_attn.q_proj" in shape["decoder"]["matrices"]:
            return shape
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        pass
    known = ", ".join(sorted(file.stem for file in SHAPES.glob("llama*.yaml")))
    sys.exit(f"error: {path} describes no LLaMA; use one of {known}, or the path of a file like them")


def config_of(shape, layers, dtype):
    matrices, attention = shape["decoder"]["matrices"], shape["decoder"]["attention"]
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "num_hidden_layers": layers or shape["decoder"]["layers"],
        "hidden_size": matrices["self_attn.q_proj"][1], "intermediate_size": matrices["mlp.up_proj"][0],
        "num_attention_heads": attention["heads"], "num_key_value_heads": attention["kv_heads"],
        "head_dim": attention["head_dim"], "vocab_size": shape["vocabulary"],
        "max_position_embeddings": shape["max_positions"], "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": dtype}  # fmt: skip


def tensors_of(shape, config):
    """(name, dimensions) in the order of computing."""
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    yield "model.embed_tokens.weight", [vocabulary, hidden]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", [hidden]
        for name, dimensions in shape["decoder"]["matrices"].items():
            yield prefix + name + ".weight", dimensions
        yield prefix + "post_attention_layernorm.weight", [hidden]
    yield "model.norm.weight", [hidden]
    yield "lm_head.weight", [vocabulary, hidden]


def chunk(seed, tensor, index, count, scale, dtype):
    """Normal weights; bfloat16 by leaving off the lower half of a float32. Norms (no scale) are ones."""
    if scale is None:
        values = numpy.ones(count, numpy.float32)
    else:
        generator = numpy.random.default_rng([seed, tensor, index])
        values = generator.standard_normal(count, numpy.float32) * numpy.float32(scale)
    return (values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes() if dtype == "bfloat16" else values.tobytes()


def write_tensor(file, pool, seed, tensor, dimensions, dtype):
    count = int(numpy.prod(dimensions))
    scale = None if len(dimensions) == 1 else dimensions[1] ** -0.5  # keeps activations at the size of their inputs
    sizes = [min(CHUNK, count - begin) for begin in range(0, count, CHUNK)]
    for block in pool.map(lambda item: chunk(seed, tensor, *item, scale, dtype), enumerate(sizes)):
        file.write(block)


def shards_of(tensors, dtype):
    """Tensors in files of at most SHARD_BYTES."""
    shards, size = [[]], 0
    for number, (name, dimensions) in enumerate(tensors):
        count = int(numpy.prod(dimensions)) * BYTES[dtype]
        if shards[-1] and size + count > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append((number, name, dimensions, count))
        size += count
    return shards


def header_of(shard, dtype):
    entries, offset = {"__metadata__": {"format": "pt"}}, 0
    for _, name, dimensions, count in shard:
        entries[name] = {"dtype": {"bfloat16": "BF16", "float32": "F32"}[dtype], "shape": dimensions,
                         "data_offsets": [offset, offset + count]}
        offset += count
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def tell(written, total, seconds):
    """Progress, on a terminal."""
    if sys.stderr.isatty():
        left = (total - written) * seconds / written
        end = "\n" if written == total else ""
        print(f"\r{written / 1e9:.1f} of {total / 1e9:.1f} GB, {left:.0f} s left ", end=end, file=sys.stderr, flush=True)


def write_weights(directory, tensors, dtype, seed):
    shards, weight_map = shards_of(tensors, dtype), {}
    total = sum(count for shard in shards for *_, count in shard)
    written, start = 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for index, shard in enumerate(shards, 1):
            name = "model.safetensors" if len(shards) == 1 else f"model-{index:05}-of-{len(shards):05}.safetensors"
            with (directory / name).open("wb") as file:
                file.write(header_of(shard, dtype))
                for number, tensor, dimensions, count in shard:
                    write_tensor(file, pool, seed, number, dimensions, dtype)
                    weight_map[tensor] = name
                    written += count
                    tell(written, total, time.monotonic() - start)
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def write_tokenizer(directory):
    """GPT-2's 256 printable bytes, a token each: every text can be spelt."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    tokenizer = {
        "version": "1.0", "added_tokens": [], "normalizer": None, "post_processor": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {letters[byte]: byte for byte in range(256)}, "merges": []}}  # fmt: skip
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer))
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))


def main():
    parser = argparse.ArgumentParser(prog="tools/make-random-model", description="A LLaMA of random weights, as large as the real one.")
    parser.add_argument("shape", help="llama-2-7b, llama-3-8b, or a path")
    parser.add_argument("directory", type=pathlib.Path, help="a new directory")
    parser.add_argument("--layers", type=int, help="fewer than the shape's")
    parser.add_argument("--dtype", choices=BYTES, default="bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shape = read_shape(options.shape)
    config = config_of(shape, options.layers, options.dtype)
    if options.directory.exists():
        sys.exit(f"error: {options.directory}: exists already; name a new directory")
    partial = options.directory.with_name(options.directory.name + ".partial")
    try:
        partial.mkdir()
        write_weights(partial, list(tensors_of(shape, config)), options.dtype, options.seed)
        write_tokenizer(partial)
        (partial / "config.json").write_text(json.dumps(config, indent=1))
        partial.rename(options.directory)
    except (OSError, KeyboardInterrupt) as error:
        shutil.rmtree(partial, ignore_errors=True)
        sys.exit(f"error: {options.directory}: {getattr(error, 'strerror', None) or 'interrupted'}")


if __name__ == "__main__":
    main()
