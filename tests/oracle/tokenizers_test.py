"""Our ids are those of PyPI's tokenizers and transformers, from files of their own and from the ones that we write."""

import json
import os
import pathlib
import random
import subprocess
import unicodedata

import pytest
import sentencepiece
import tokenizers
import transformers

PARTS = [  # what tokenizers trip over: spaces, ends of lines, contractions, digits, tokens spelled out, emoji, marks
    " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2028", "\u180e", "\x85", "\x0b", "\0", "\u2581",
    "I'm", "we'LL", "'S", "don't", " word", "Hello", "3", "33", "12345", "\u00bd", "\u0663", "-", "--", "...", "=====",
    "<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|user|>", "<0x41>", "\u00e9", "e\u0301", "\u4e2d\u6587",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0416", "\u0e01\u0e33", "\u0915\u094d\u0937",
    "'\u017f", "'RE", "word", "Hello", "caf\u00e9", "cafe\u0301", "a\u0307\u0323", "\u1100\u1161\u11a8", "\u212b", "\u0958", "camelCase",
]


def assigned(code_point):
    """Whether the Unicode version of this Python, which is older than the library's, knows the code point."""
    return unicodedata.category(chr(code_point)) not in ("Cn", "Cs")


def random_texts(count):
    generator = random.Random(3)
    anything = [c for c in range(0x110000) if assigned(c)]
    common = [c for c in anything if c < 0x3000]
    for _ in range(count):
        pool = generator.choice([PARTS, PARTS, anything, common])
        length = generator.randrange(40)
        chosen = [generator.choice(pool) for _ in range(length)]
        yield "".join(c if isinstance(c, str) else chr(c) for c in chosen)
    for n in range(1, 80):  # runs, whose tokens tie
        yield "a" + " " * n + "b" + "-" * n + "\n" * (n % 7)


def real_texts(data):
    if data:
        yield from (data / "text/wikitext-2/wiki.test.raw").read_text().split("\n")
        yield from (data / "text/tinystories_1000.txt").read_text().split("<|endoftext|>")[:200]


@pytest.fixture(scope="module")
def texts():
    folder = os.environ.get("SPARSECIM_DATA")
    return [*random_texts(4000), *real_texts(folder and pathlib.Path(folder))]


@pytest.fixture(scope="module")
def few_texts(texts):
    return texts[:1500]


@pytest.fixture(scope="module")
def tokenize(run):
    """tokenize(texts, arguments of tokenize_lines...) -> [{"ids", "as_model", "exact"}]"""

    def call(texts, *arguments):
        program = run.folder / "tokenize_lines"
        if not program.exists():
            pytest.skip(f"tokenize_lines is not built in {run.folder}")
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        done = subprocess.run([program, *map(str, arguments)], input=lines, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return call


def expect_same(texts, ours, theirs):
    """`theirs` is a tokenizers.Tokenizer; shows the first text that differs."""
    assert len(ours) == len(texts)
    plain = theirs.encode_batch(texts, add_special_tokens=False)
    for text, line, ids, as_model in zip(texts, ours, plain, theirs.encode_batch(texts)):
        assert line["ids"] == ids.ids, repr(text)
        assert line["as_model"] == as_model.ids, repr(text)


def small_byte_level(folder, pre_tokenizer, normalizer=None, post_processor=None, **model):
    """A tokenizer.json that the library itself trained, with added tokens of every sort."""
    trained = tokenizers.Tokenizer(tokenizers.models.BPE(**model))
    trained.pre_tokenizer = pre_tokenizer
    trained.decoder = tokenizers.decoders.ByteLevel()
    if normalizer:
        trained.normalizer = normalizer
    corpus = ["the cat sat on the mat and that was that, 1234 times", "I'm sure we'll see don't you", "  indented\n\n\tcode()",
              "\u4e2d\u6587\u4e2d \u0416\u0416 caf\u00e9 \uac01\uac00 \u0915\u094d\u0937", "HTTPServer camelCase \u00c9t\u00e9"]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=420, show_progress=False, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator(corpus * 20, trainer)
    added = tokenizers.AddedToken
    trained.add_special_tokens(["<s>", added("<|user|>", rstrip=True), added("</s>", lstrip=True, normalized=False)])
    trained.add_tokens([added("word", normalized=True, single_word=True), added("I'm", normalized=False), " 33",
                        added("Hello", single_word=True, lstrip=True, rstrip=True, normalized=False),
                        added("e\u0301", normalized=False), added("\uac01", normalized=True)])
    if post_processor:
        trained.post_processor = post_processor(trained)
    return save(trained, folder)


def save(tokenizer, folder):
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


# The regular expressions of these models' published tokenizer.json.
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
          r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
pre = tokenizers.pre_tokenizers
processors = tokenizers.processors


def split_by(pattern):
    return pre.Sequence([pre.Split(tokenizers.Regex(pattern), "isolated"),
                         pre.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])


def bos_in_front(tokenizer):
    """LLaMA-3's: ByteLevel, then a template."""
    template = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return processors.Sequence([processors.ByteLevel(trim_offsets=False), template])


BYTE_LEVEL = {
    "gpt-2": lambda: dict(pre_tokenizer=pre.ByteLevel(add_prefix_space=False)),
    "gpt-2 with a prefix": lambda: dict(pre_tokenizer=pre.ByteLevel(add_prefix_space=True)),
    "smollm": lambda: dict(
        pre_tokenizer=pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])),
    "digits": lambda: dict(
        pre_tokenizer=pre.Sequence([pre.Digits(individual_digits=False), pre.ByteLevel(add_prefix_space=False)])),
    "llama-3": lambda: dict(pre_tokenizer=split_by(LLAMA3), post_processor=bos_in_front, ignore_merges=True),
    "qwen2": lambda: dict(pre_tokenizer=split_by(QWEN2), normalizer=tokenizers.normalizers.NFC(),
                          post_processor=lambda _: processors.ByteLevel(trim_offsets=False)),
    "mistral-nemo": lambda: dict(pre_tokenizer=split_by(TEKKEN), post_processor=bos_in_front, ignore_merges=True),
    "words": lambda: dict(pre_tokenizer=pre.Sequence(
        [pre.Split(tokenizers.Regex(r"\w+|\W\s"), "isolated"), pre.Split("the", "isolated"),
         pre.ByteLevel(add_prefix_space=False, use_regex=False)])),
    "no split": lambda: dict(pre_tokenizer=pre.ByteLevel(add_prefix_space=False, use_regex=False), ignore_merges=True),
}


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_byte_level(few_texts, tokenize, tmp_path, name):
    file = small_byte_level(tmp_path, **BYTE_LEVEL[name]())
    written = tmp_path / "ours"
    written.mkdir()
    ours = tokenize(few_texts, file, "--write", written)
    theirs = tokenizers.Tokenizer.from_file(str(file))
    expect_same(few_texts, ours, theirs)
    # The exported model has added tokens in its vocabulary too, where ignore_merges finds those of single words.
    shown = [(text, line) for text, line in zip(few_texts, ours) if "Hello" not in text and "word" not in text]
    expect_same(*zip(*shown), tokenizers.Tokenizer.from_file(str(written / "tokenizer.json")))
    for text, line in zip(few_texts, ours):
        assert line["decoded"] == theirs.decode(line["ids"], skip_special_tokens=False), repr(text)


def small_score_bpe(folder, normalizer, pre_tokenizer, template):
    """A tokenizer.json of LLaMA-2's kind, small: every pair of its tokens that spells a token is a merge."""
    mark = "\u2581"
    words = [mark, *"abdehilmnorstuw", "th", "the", mark + "the", mark + "t", "an", "and", mark + "and", mark + mark,
             mark * 3, "in", "ing", mark + "a", "at", "hat", "that", "s" + mark, "on"]
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"<0x{byte:02X}>": byte + 3 for byte in range(256)}}
    vocabulary |= {word: 259 + at for at, word in enumerate(words)}
    merges = [(word[:cut], word[cut:]) for word in words for cut in range(1, len(word))]
    model = tokenizers.models.BPE(
        vocabulary, [pair for pair in merges if set(pair) <= set(words)], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    made = tokenizers.Tokenizer(model)
    if normalizer:
        made.normalizer = normalizer
    if pre_tokenizer:
        made.pre_tokenizer = pre_tokenizer
    made.add_special_tokens(["<unk>", "<s>", tokenizers.AddedToken("</s>", rstrip=True)])
    made.add_tokens([tokenizers.AddedToken("that", normalized=True), tokenizers.AddedToken("<|user|>", normalized=False)])
    if template:
        made.post_processor = tokenizers.processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", 1), ("</s>", 2)])
    return save(made, folder)


norm = tokenizers.normalizers
SCORE = {
    "llama-2": (norm.Sequence([norm.Prepend("\u2581"), norm.Replace(" ", "\u2581")]), None, "<s> $A"),
    "no prefix": (norm.Replace(" ", "\u2581"), None, "<s> $A </s>"),
    "metaspace": (None, pre.Metaspace(), "$A </s>"),
    "metaspace first": (None, pre.Metaspace(prepend_scheme="first", split=False), None),
    "metaspace never": (None, pre.Metaspace(prepend_scheme="never"), None),
}


@pytest.mark.parametrize("name", SCORE)
def test_score_bpe(few_texts, tokenize, tmp_path, name):
    file = small_score_bpe(tmp_path, *SCORE[name])
    written = tmp_path / "ours"
    written.mkdir()
    ours = tokenize(few_texts, file, "--write", written)
    expect_same(few_texts, ours, tokenizers.Tokenizer.from_file(str(file)))
    expect_same(few_texts, ours, tokenizers.Tokenizer.from_file(str(written / "tokenizer.json")))


@pytest.mark.parametrize("name", ["gpt2/tokenizer.json", "llama2_tokenizer.json"])
def test_published_tokenizer(data, texts, tokenize, name):
    file = data / "tokenizers" / name
    expect_same(texts, tokenize(texts, file), tokenizers.Tokenizer.from_file(str(file)))


def expect_same_as_sentencepiece(texts, ours, file):
    """The library itself knows no control tokens in texts; and it makes U+FFFD of what is not UTF-8."""
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(file))
    control = [theirs.id_to_piece(id) for id in range(len(theirs)) if theirs.is_control(id) or theirs.is_unknown(id)]
    compared = 0
    for text, line in zip(texts, ours, strict=True):
        if any(token in text for token in control):
            continue
        assert line["ids"] == theirs.encode(text), repr(text)
        assert line["decoded"] == theirs.decode(line["ids"]), repr(text)
        compared += 1
    assert compared > len(texts) / 2


def test_published_sentencepiece(data, texts, tokenize, tmp_path):
    """LLaMA-2's tokenizer.model against the library, and exported."""
    file = data / "tokenizers/llama2_tokenizer.model"
    ours = expect_same_when_exported(texts, tokenize, tmp_path, [file])
    expect_same_as_sentencepiece(texts, ours, file)


SENTENCEPIECE = {
    "small": dict(),
    "no prefix": dict(add_dummy_prefix=False),
    "across words": dict(split_by_whitespace=False),
    "runs of spaces": dict(allow_whitespace_only_pieces=True),
    "digits": dict(split_digits=True, bos_piece="<bos>", eos_piece="<eos>", pad_id=3),
}


@pytest.mark.parametrize("name", SENTENCEPIECE)
def test_sentencepiece(texts, tokenize, tmp_path, name):
    corpus = ["the cat sat on the mat  and that was that, 1234 times", "I'm sure we'll see  don't you", "a  b   c    d",
              "\u4e2d\u6587 \u0416\u0416 caf\u00e9", "then he said: this is the hat that she had on"]
    prefix = tmp_path / "tokenizer"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus * 20), model_prefix=str(prefix), model_type="bpe", byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
        vocab_size=600, hard_vocab_limit=False,
        **SENTENCEPIECE[name])
    file = prefix.with_suffix(".model")
    written = tmp_path / "ours"
    written.mkdir()
    ours = tokenize(texts, file, "--write", written)
    expect_same_as_sentencepiece(texts, ours, file)
    expect_same(texts, ours, tokenizers.Tokenizer.from_file(str(written / "tokenizer.json")))


def smollm2():
    """The GGUF of SmolLM2, where tools/fetch-model puts it."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "sparsecim")
    cache = pathlib.Path(os.environ.get("SPARSECIM_CACHE") or cache)
    return cache / "models/smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf"


EXPORTED = {
    "stories15M": lambda data: [data / "models/stories15M/tokenizer.bin", "--size", 32000],
    "stories260K": lambda data: [data / "models/stories260K/tok512.bin", "--size", 512],
    "gpt-2": lambda data: [data / "tokenizers/ggml-vocab/ggml-vocab-gpt-2.gguf"],
    "llama-spm": lambda data: [data / "tokenizers/ggml-vocab/ggml-vocab-llama-spm.gguf"],
    "phi-3": lambda data: [data / "tokenizers/ggml-vocab/ggml-vocab-phi-3.gguf"],
}


def expect_same_when_exported(texts, tokenize, folder, source):
    ours = tokenize(texts, *source, "--write", folder)
    expect_same(texts, ours, tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")))
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert theirs(texts).input_ids == [line["as_model"] for line in ours]
    return ours


@pytest.mark.parametrize("name", EXPORTED)
def test_exported(data, texts, tokenize, tmp_path, name):
    ours = expect_same_when_exported(texts, tokenize, tmp_path, EXPORTED[name](data))
    for text, line in zip(texts, ours):
        if "\u2581" not in text and name != "phi-3":  # taken for a space; tokens that take white space with them
            assert line["exact"], repr(text)


def test_exported_smollm2(texts, tokenize, tmp_path):
    gguf = smollm2()
    if not gguf.exists():
        pytest.skip("SmolLM2 is not in the cache: tools/fetch-model smollm2-135m gets it")
    expect_same_when_exported(texts, tokenize, tmp_path, [gguf])
