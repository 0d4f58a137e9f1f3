"""HellaSwag and LAMBADA mean to us what lm-evaluation-harness's rules make of transformers' log-likelihoods."""

import bz2
import json
import math
import re
import statistics

import pytest

transformers = pytest.importorskip("transformers")

HELLASWAG = [
    {"activity_label": "Roof", "ctx_a": "Tom sat on a [substeps] roof.", "ctx_b": "tom and LILY",
     "endings": ["ran to the park and played.", "were [title] sad.", "saw a big dog!", "slept"], "label": "1"},
    {"activity_label": "Home", "ctx_a": "One day,  a girl went home.", "ctx_b": "she",
     "endings": ["was happy.", "ate the sun and the moon and the sky.", "flew [x] away.", "cried."], "label": "0"},
    {"activity_label": "Cat", "ctx_a": "The cat saw a fish.", "ctx_b": "the cat",
     "endings": ["jumped.", "said hello to her friend.", "ran.", "ate it with a spoon."], "label": "2"},
]
# Of more than one token, behind two spaces, behind a new line, with and without a mark at the end.
LAMBADA = ["Once upon a time there was a little girl named Lily", "They all lived happily ever after.",
           "Tom said,\nI want to go to the  park", "The dog was very happy and ran to the tree"]


def prepared(text):
    """lm_eval/tasks/hellaswag: what WikiHow's articles left is taken away."""
    return re.sub("\\[.*?\\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


class Scorer:
    """Sums of log-likelihoods of a continuation behind a context, one at a time."""

    def __init__(self, torch, folder):
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()

    def ids(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def __call__(self, context, continuation):
        stripped = context.rstrip()
        before, whole = self.ids(stripped), self.ids(context + continuation)
        bos = [self.tokenizer.bos_token_id] if self.tokenizer("a")["input_ids"][0] == self.tokenizer.bos_token_id else []
        after = whole[len(before):]
        ids = (bos + before + after)[-(self.model.config.max_position_embeddings + 1):]
        with self.torch.no_grad():
            logits = self.model(self.torch.tensor([ids[:-1]])).logits[0][-len(after):]
        log_p = logits.double().log_softmax(-1)
        greedy = log_p.argmax(-1).tolist() == after
        return sum(log_p[i, token].item() for i, token in enumerate(after)), greedy


@pytest.fixture(scope="module")
def stories(run, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks") / "stories"
    run("sparsecim", "prune", data / "models/stories260K/stories260K.bin", "--pattern", "dense", "--importance",
        "magnitude", "-o", folder)
    return folder


def evaluated(run, model, task, file, tmp_path, *options):
    run("sparsecim", "eval", model, "--task", task, "--task-file", file, "--json", tmp_path / "result.json", *options)
    return json.loads((tmp_path / "result.json").read_text())


def stderr(values):
    return statistics.stdev(values) / math.sqrt(len(values))


def assert_sums(answers, expected):
    for answer, sums in zip(answers, expected, strict=True):
        assert answer["log_likelihoods"] == pytest.approx([value for value, _ in sums], abs=2e-3)
        assert answer["likeliest"] == [greedy for _, greedy in sums]


def assert_hellaswag(result, questions, scorer):
    sums = [[scorer(context, " " + ending) for ending in endings] for context, endings, _ in questions]
    assert_sums(result["answers"], sums)
    right, right_by_length = [], []
    for (_, endings, label), scores in zip(questions, sums, strict=True):
        values = [value for value, _ in scores]
        by_length = [value / len(ending) for value, ending in zip(values, endings)]
        right.append(values.index(max(values)) == label)
        right_by_length.append(by_length.index(max(by_length)) == label)
    assert result["accuracy"] == pytest.approx(statistics.mean(right))
    assert result["accuracy_by_length"] == pytest.approx(statistics.mean(right_by_length))
    assert result["accuracy_stderr"] == pytest.approx(stderr(right))
    assert result["accuracy_by_length_stderr"] == pytest.approx(stderr(right_by_length))


def test_hellaswag_in_json(run, torch, stories, tmp_path):
    file = tmp_path / "hellaswag.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in HELLASWAG))
    questions = [(prepared(f"{item['activity_label']}: {item['ctx_a']} {item['ctx_b'].capitalize()}"),
                  [prepared(ending) for ending in item["endings"]], int(item["label"])) for item in HELLASWAG]
    assert_hellaswag(evaluated(run, stories, "hellaswag", file, tmp_path), questions, Scorer(torch, stories))


def test_the_first_questions_of_hellaswag(run, torch, data, stories, tmp_path):
    text = bz2.decompress((data / "tasks/hellaswag_val_full.txt.bz2").read_bytes()).decode()
    (tmp_path / "hellaswag.txt").write_text(text)
    lines = text.splitlines()[:6 * 25]
    questions = [(lines[i], lines[i + 2:i + 6], int(lines[i + 1])) for i in range(0, len(lines), 6)]
    result = evaluated(run, stories, "hellaswag", tmp_path / "hellaswag.txt", tmp_path, "--limit", 25)
    assert_hellaswag(result, questions, Scorer(torch, stories))


def test_lambada(run, torch, stories, tmp_path):
    file = tmp_path / "lambada.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in LAMBADA))
    result, scorer = evaluated(run, stories, "lambada", file, tmp_path), Scorer(torch, stories)
    sums = []
    for text in LAMBADA:
        words = text.split(" ")
        sums.append([scorer(" ".join(words[:-1]), " " + words[-1])])
    assert_sums(result["answers"], sums)
    right, nats = [greedy for [(_, greedy)] in sums], [-value for [(value, _)] in sums]
    assert 0 < sum(right) < len(right)
    assert result["accuracy"] == pytest.approx(statistics.mean(right))
    assert result["accuracy_stderr"] == pytest.approx(stderr(right))
    assert result["perplexity"] == pytest.approx(math.exp(statistics.mean(nats)), rel=2e-3)
    assert result["perplexity_stderr"] == pytest.approx(math.exp(statistics.mean(nats)) * stderr(nats), rel=2e-3)
