// The words of the page, for somebody who meets them for the first time.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "report/parts.hpp"
#include "report/sections.hpp"

namespace sparsecim::report {
namespace {

struct Term {
  const char* name;
  const char* words;
  const char* meaning;
};

constexpr std::array kTerms = {
    Term{"pattern", "Pattern N:M",
         "Of every M consecutive input weights of an output, N are kept and the others are zero. 2:4 and 4:8 both keep "
         "half; 4:8 is freer in which half. Dense keeps everything."},
    Term{"sparsity", "Sparsity (effective)",
         "The share of weights that are zero, over the linear matrices of the decoder blocks (the planned weights). "
         "Embeddings and the output head stay dense; “of the whole model” counts them too."},
    Term{"stored", "Stored size", "What the model takes when only kept weights and their positions are stored."},
    Term{"perplexity", "Perplexity",
         "How surprised the model is by a text: the exponential of the mean loss for each predicted token. 20 means as "
         "unsure as between 20 equally likely tokens. Lower is better; only values on the same text and tokenizer "
         "compare."},
    Term{"nats", "nats/token, bits/byte",
         "The mean loss for each token in natural units (its exponential is the perplexity), and the same loss in bits "
         "for each byte of text, which compares across tokenizers."},
    Term{"kl", "KL divergence from dense",
         "How far the pruned model's predictions are from the dense model's, in nats for each token; 0 is identical."},
    Term{"top1", "Top-1 agreement",
         "For how many tokens the pruned and the dense model agree on the likeliest next token."},
    Term{
        "baseline", "Dense int8, dense 4-bit weights",
        "The dense model made smaller without pruning: weights and activations rounded to 8-bit integers; weights in 4 "
        "bits, each 32 of a row with a scale of 16 bits (the rule of ggml's Q4_0), activations as they are."},
    Term{"pareto", "Pareto front",
         "What nothing else beats: a model is on the front of perplexity against a cost if no other is at most as "
         "costly "
         "and at most as perplexed, and less in one of them. It is dominated if one other model is nowhere worse, in "
         "perplexity, size, latency and energy, and somewhere better."},
    Term{"calibration", "Calibration",
         "Running some text through the model to see how large the inputs of every matrix are. The weights' importance "
         "is their magnitude times the norm of their input (Wanda). The text is not the one that is evaluated."},
    Term{"share", "Outlier, outlier share",
         "A weight is an outlier if its importance is more than tau times the mean of its layer; the share says how "
         "many "
         "weights are."},
    Term{
        "distribution", "Outlier distribution",
        "The mean distance between outliers, divided by what chance would give: 1 is scattered like chance, below 1 is "
        "clustered."},
    Term{"flow", "FLOW",
         "A rule that chooses N and M for each layer from its outliers (arXiv 2504.14365). Uniform means the same "
         "pattern everywhere."},
    Term{
        "macro", "Macro",
        "A block of memory that multiplies where the weights are stored: here 128 rows by 32 columns of 8-bit weights. "
        "A machine has several. dense-dcim is a digital compute-in-memory machine without any support for sparsity; "
        "flexcim adds what it takes to run N:M patterns."},
    Term{"phase", "Prefill, decode",
         "Prefill reads the whole prompt at once; decode produces one token after another. Their costs differ, so both "
         "are shown."},
    Term{
        "band", "Energy and area, low .. high",
        "Published component costs disagree. The nominal value is our best estimate; low and high are the ends of what "
        "the sources give. These are models, not measurements of a chip."},
    Term{"utilization", "Utilization",
         "Useful multiplications divided by the multiplications the machine could have done."},
    Term{"tops", "TOPS/W",
         "Useful 8-bit operations (a multiplication and an addition are two) for each joule, in millions of millions."},
};

}  // namespace

Html term(const char* name, const std::string& words) {
  SC_CHECK(std::ranges::any_of(kTerms, [&](const Term& known) { return std::string_view(known.name) == name; }));
  return element("a", {{"class", "term"}, {"href", fmt::format("#term-{}", name)}}, words);
}

Html terms_section() {
  Html list;
  for (const auto& one : kTerms)
    list += element("div", {{"id", fmt::format("term-{}", one.name)}}, element("dt", {}, one.words),
                    element("dd", {}, one.meaning));
  return section("terms", "What the words mean", {}, element("dl", {{"class", "terms"}}, list));
}

}  // namespace sparsecim::report
