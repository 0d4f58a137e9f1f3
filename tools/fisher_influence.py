"""fisher_influence.py MODEL STATISTICS TEXT OUT: STATISTICS with rises of the loss as the diagonal of Fisher's information
predicts them in place of measured ones, for `select --method loss`; prints how the two compare. tools/study-flow runs it,
through tools/oracle-python.

MODEL is in Hugging Face layout. To second order, what a change d of the weights adds to the divergence from the dense model is
d^T F d / 2, F = E[g g^T] over tokens and the model's own next tokens y, g the gradient of log p(y) (arXiv 1801.05787 prunes by
it). Only F's diagonal is taken; a token's squared gradient comes of a whole sample's, since with y drawn from the model the
products between tokens vanish in the mean. One backward pass for each draw, where measuring takes two forward passes for each
matrix.
"""

import ctypes
import json
import pathlib
import random
import sys

for library in sorted(pathlib.Path(sys.prefix, "stand-ins").glob("*.so*")):
    ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)

import tokenizers  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

SEPARATOR = "<|endoftext|>"
SAMPLES, LENGTH, DRAWS, SEED = 64, 256, 4, 0


def samples(folder, text):
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    documents = [document for document in text.split(SEPARATOR) if document.strip()]
    bos = json.loads((folder / "config.json").read_text())["bos_token_id"]
    for document in random.Random(SEED).sample(documents, SAMPLES):
        yield [bos, *tokenizer.encode(document, add_special_tokens=False).ids][:LENGTH]


def fisher(model, sequences):
    """Matrix name -> the diagonal, a token's mean, [n_out, n_in]."""
    weights = {name.removesuffix(".weight"): weight for name, weight in model.named_parameters()}
    squares = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    tokens = 0
    for ids in sequences:
        for _ in range(DRAWS):
            model.zero_grad()
            log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0], -1)
            drawn = torch.multinomial(log_p.detach().exp(), 1)
            log_p.gather(1, drawn).sum().backward()
            for name, weight in weights.items():
                squares[name] += weight.grad.square()
            tokens += len(ids)
    return {name: square / tokens for name, square in squares.items()}, weights


def dropped(weight, mean_squares, pattern):
    """What Wanda drops of each group of M consecutive inputs: true where a weight goes."""
    n, m = map(int, pattern.split(":"))
    scores = (weight.abs() * mean_squares.sqrt()).view(weight.shape[0], -1, m)
    order = scores.sort(dim=-1, descending=True, stable=True).indices
    return torch.ones_like(scores, dtype=torch.bool).scatter_(-1, order[..., :n], False).view_as(weight)


def rank_correlation(x, y):
    ranks = torch.stack([values.argsort().argsort().double() for values in (x, y)])
    return torch.corrcoef(ranks)[0, 1].item()


def main():
    folder, statistics, text, out = map(pathlib.Path, sys.argv[1:])
    torch.manual_seed(SEED)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    information, weights = fisher(model, samples(folder, text.read_text(encoding="utf-8")))
    found = json.loads(statistics.read_text())
    measured = [[rise["nats"] for rise in matrix["rises"]] for matrix in found["matrices"]]
    for matrix in found["matrices"]:
        weight = weights[matrix["name"]].detach()
        mean_squares = torch.tensor(found["inputs"][matrix["input"]]["mean_squares"])
        costs = information[matrix["name"]] * weight.square() / 2
        matrix["rises"] = [{"nats": costs[dropped(weight, mean_squares, anchor)].sum(dtype=torch.float64).item(),
                            "standard_error": 0.0} for anchor in found["losses"]["anchors"]]
    predicted = [[rise["nats"] for rise in matrix["rises"]] for matrix in found["matrices"]]
    for anchor, ours, theirs in zip(found["losses"]["anchors"], torch.tensor(predicted).T, torch.tensor(measured).T):
        print(f"{anchor}: rank correlation with the measured rises {rank_correlation(ours, theirs):.2f}, "
              f"sum {ours.sum():.2f} of {theirs.sum():.2f} nats")
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
