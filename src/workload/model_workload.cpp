#include "workload/model_workload.hpp"

#include <algorithm>
#include <limits>

#include "workload/masks.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kDefaultTokens = 512;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 31;

/// A request with everything filled in.
struct Resolved {
  Phase phase;
  std::int64_t tokens, context, batch;
  bool head;
  bool from_encoder;  // decoding with cross-attention: `context` is what the encoder read, not the decoder
};

/// The most tokens that the model has positions for.
std::int64_t positions_of(const ModelShapes& shapes) {
  return shapes.max_positions > 0 ? shapes.max_positions : kMostTokens;
}

Result<void> check_size(const char* what, std::int64_t value, std::int64_t least) {
  if (value >= least && value <= kMostTokens) return {};
  return fail("{} {} is outside {} .. {}", what, value, least, kMostTokens);
}

Result<void> check_phase(const ModelShapes& shapes, const WorkloadRequest& request) {
  if (request.phase == Phase::kDecode && !shapes.decoder)
    return fail(Remedy{"use --phase prefill"}, "{} is an encoder: it does not decode", shapes.name);
  if (request.phase == Phase::kPrefill && shapes.encoder && request.context.value_or(0) > 0)
    return fail(Remedy{"leave out --context"}, "the encoder of {} reads a sequence at once, without earlier context",
                shapes.name);
  return {};
}

Result<void> check_positions(const ModelShapes& shapes, const Resolved& resolved) {
  const std::int64_t most = positions_of(shapes);
  const std::int64_t together =
      resolved.from_encoder ? std::max(resolved.tokens, resolved.context) : resolved.tokens + resolved.context;
  if (together <= most) return {};
  return fail(Remedy{"ask for fewer --tokens or less --context"},
              "{} tokens after {} are more than the {} positions of {}", resolved.tokens, resolved.context, most,
              shapes.name);
}

Result<Resolved> resolve(const ModelShapes& shapes, const WorkloadRequest& request) {
  SC_TRY(check_phase(shapes, request));
  const bool decode = request.phase == Phase::kDecode;
  Resolved resolved{.phase = request.phase,
                    .tokens = 1,
                    .context = 0,
                    .batch = request.batch,
                    .head = request.head,
                    .from_encoder = decode && shapes.encoder.has_value()};
  const std::int64_t most = positions_of(shapes);
  resolved.tokens = request.tokens.value_or(decode ? 1 : std::min(kDefaultTokens, most));
  const std::int64_t left = resolved.from_encoder ? most : std::max<std::int64_t>(0, most - resolved.tokens);
  resolved.context = request.context.value_or(decode ? std::min(kDefaultTokens, left) : 0);
  SC_TRY(check_size("--tokens", resolved.tokens, 1));
  SC_TRY(check_size("--context", resolved.context, resolved.from_encoder ? 1 : 0));
  SC_TRY(check_size("--batch", resolved.batch, 1));
  SC_TRY(check_positions(shapes, resolved));
  return resolved;
}

/// Sizes that a user asked for are checked when the workload is whole; until then they must not overflow.
std::int64_t product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::numeric_limits<std::int64_t>::max() : result;
}

/// Values per token that are kept while each matrix of a layer runs, beside its inputs and outputs: the residual
/// stream, and the outputs of the matrices before it that read the same inputs (q and k while v is computed; gate, for
/// up). A shape file does not say who reads what, so matrices in a row with as many inputs are taken to read the same
/// ones, but not across attention, nor across the matrix that reads attention's result.
std::vector<std::int64_t> held_values(const LayerStack& stack) {
  const std::int64_t residual = stack.matrices.front().n_in;
  const auto attends = [&](const ShapedMatrix& matrix) {
    return matrix.name == stack.attention_behind || matrix.name == stack.cross_attention_behind;
  };
  std::vector<std::int64_t> held;
  std::int64_t siblings = 0;
  for (std::size_t i = 0; i < stack.matrices.size(); ++i) {
    const bool behind_attention = i > 0 && attends(stack.matrices[i - 1]);
    const bool two_behind = i > 1 && attends(stack.matrices[i - 2]);
    const bool same_inputs = i > 0 && stack.matrices[i].n_in == stack.matrices[i - 1].n_in;
    if (!same_inputs || behind_attention || two_behind) siblings = 0;
    held.push_back(residual + siblings);
    siblings += stack.matrices[i].n_out;
  }
  return held;
}

/// Puts the operations of a model together, in the order of computing.
class Composer {
 public:
  Composer(const ModelShapes& shapes, const Masks& masks, const Resolved& request)
      : shapes_(shapes), masks_(masks), request_(request) {}

  std::vector<Operation> compose() && {
    const bool decode = request_.phase == Phase::kDecode;
    if (decode || !shapes_.encoder) {
      add_stack(*shapes_.decoder);
    } else {
      add_stack(*shapes_.encoder);
      if (shapes_.decoder) add_source_matrices(*shapes_.decoder);
    }
    // An encoder-decoder computes its head only while it decodes.
    const bool head = request_.head && (decode || !shapes_.encoder || !shapes_.decoder);
    if (head)
      for (const ShapedMatrix& matrix : shapes_.head) add_linear(matrix.name, matrix, request_.batch, steps());
    return std::move(operations_);
  }

 private:
  /// Decoding does everything once per token, prefill once.
  std::int64_t steps() const { return request_.phase == Phase::kDecode ? request_.tokens : 1; }
  std::int64_t tokens_per_step() const { return request_.phase == Phase::kDecode ? 1 : request_.tokens; }

  void add_linear(const std::string& name, const ShapedMatrix& matrix, std::int64_t n_tokens, std::int64_t count,
                  std::int64_t held_per_token = 0) {
    Operation operation{
        .name = name, .n_tokens = n_tokens, .n_inputs = matrix.n_in, .n_outputs = matrix.n_out, .count = count};
    operation.held_values = product(n_tokens, held_per_token);
    if (const auto mask = masks_.find(name); mask != masks_.end()) {
      operation.pattern = mask->second.pattern;
      operation.weights = mask->second.counted;
      operation.monarch = mask->second.monarch;
    }
    operations_.push_back(std::move(operation));
  }

  /// scores = Q K^T [queries, head_dim] x [head_dim, keys] and values = P V [queries, keys] x [keys, head_dim], once
  /// for every sequence, key head and step; the queries are those of all heads that share the keys. `keys` are those of
  /// the first step, and `keys_per_step` as in Keys.
  void add_attention(const LayerStack& stack, const std::string& name, std::int64_t keys, std::int64_t keys_per_step,
                     std::int64_t held_per_token) {
    Operation scores{.name = name + ".scores",
                     .kind = Operation::Kind::kAttention,
                     .n_tokens = tokens_per_step() * (stack.n_heads / stack.n_kv_heads),
                     .n_inputs = stack.head_dim,
                     .n_outputs = keys,
                     .count = product(steps(), request_.batch * stack.n_kv_heads),
                     .independent = request_.batch * stack.n_kv_heads,
                     .keys = {.along_inputs = false, .per_step = keys_per_step}};
    // Beside what is held, the outputs of the heads that are done.
    scores.held_values = product(tokens_per_step() * request_.batch, held_per_token + stack.n_heads * stack.head_dim);
    Operation values = scores;
    values.name = name + ".values";
    std::swap(values.n_inputs, values.n_outputs);
    values.keys.along_inputs = true;
    operations_.push_back(std::move(scores));
    operations_.push_back(std::move(values));
  }

  /// The stack's own attention: each token is a key, and a causal one sees the context, those before it, and itself.
  void add_own_attention(const LayerStack& stack, const std::string& name, std::int64_t held_per_token) {
    if (stack.attention == Attention::kBidirectional)
      return add_attention(stack, name, request_.tokens, 0, held_per_token);
    const std::int64_t context = request_.from_encoder ? 0 : request_.context;
    add_attention(stack, name, context + tokens_per_step(), tokens_per_step(), held_per_token);
  }

  void add_stack(const LayerStack& stack) {
    const std::vector<std::int64_t> held = held_values(stack);
    for (std::int64_t layer = 0; layer < stack.n_layers; ++layer)
      for (std::size_t i = 0; i < stack.matrices.size(); ++i) {
        const ShapedMatrix& matrix = stack.matrices[i];
        add_linear(name_in_layer(stack, layer, matrix.name), matrix, tokens_per_step() * request_.batch, steps(),
                   held[i]);
        operations_.back().shares_inputs = held[i] > held[0];  // with the outputs of its siblings
        const std::int64_t held_behind = held[i] + matrix.n_out;
        if (matrix.name == stack.attention_behind)
          add_own_attention(stack, name_in_layer(stack, layer, "attention"), held_behind);
        if (matrix.name == stack.cross_attention_behind)
          add_attention(stack, name_in_layer(stack, layer, "cross_attention"), request_.context, 0, held_behind);
      }
  }

  void add_source_matrices(const LayerStack& stack) {
    for (std::int64_t layer = 0; layer < stack.n_layers; ++layer)
      for (const ShapedMatrix& matrix : stack.source_matrices) {
        add_linear(name_in_layer(stack, layer, matrix.name), matrix, request_.tokens * request_.batch, 1);
        operations_.back().shares_inputs = &matrix != &stack.source_matrices.front();
      }
  }

  const ModelShapes& shapes_;
  const Masks& masks_;
  const Resolved& request_;
  std::vector<Operation> operations_;
};

/// ", 4:8 in every layer", ", flow plan of 50.0 % zeros".
std::string sparsity_title(const SparsityRequest& sparsity) {
  if (sparsity.pattern) return fmt::format(", {} in every layer", sparsity.pattern->name());
  if (!sparsity.plan) return {};
  return fmt::format(", {} plan of {:.1f} % zeros", sparsity.plan->method, 100 * sparsity.plan->sparsity());
}

/// "llama-3-8b, prefill of 512 tokens", "gpt2-small, decode of 1 token after 512, batch 4".
std::string title(const ModelShapes& shapes, const Resolved& request) {
  std::string text = fmt::format("{}, {} of {} token{}", shapes.name, name(request.phase), request.tokens,
                                 request.tokens == 1 ? "" : "s");
  if (request.context > 0) text += fmt::format(" after {}", request.context);
  if (request.batch > 1) text += fmt::format(", batch {}", request.batch);
  return text + (request.head ? "" : ", without head");
}

Result<ModelWorkload> compose(const ModelShapes& shapes, const SparsityRequest& sparsity, const Masks& masks,
                              const Resolved& request, std::vector<std::string> notes) {
  ModelWorkload result{{title(shapes, request) + sparsity_title(sparsity), request.tokens * request.batch, {}},
                       {request.phase, request.tokens, request.context, request.batch, request.head},
                       std::move(notes)};
  result.workload.operations = Composer(shapes, masks, request).compose();
  SC_TRY(validate(result.workload));
  return result;
}

}  // namespace

std::string_view name(Phase phase) { return phase == Phase::kPrefill ? "prefill" : "decode"; }

Result<Phase> parse_phase(std::string_view text) {
  for (const Phase phase : {Phase::kPrefill, Phase::kDecode})
    if (text == name(phase)) return phase;
  return fail("'{}' is neither prefill nor decode", text);
}

Result<ModelWorkload> workload_from_shapes(const ModelShapes& shapes, const SparsityRequest& sparsity,
                                           const WorkloadRequest& request) {
  SC_TRY_ASSIGN(const Resolved resolved, resolve(shapes, request));
  SC_TRY_ASSIGN(const Masks masks, masks_from_request(shapes, sparsity));
  return compose(shapes, sparsity, masks, resolved,
                 {"shapes without weights: every kept weight counts as not zero, with half of its bits set"});
}

Result<ModelWorkload> workload_from_checkpoint(const Checkpoint& checkpoint, const std::string& model_name,
                                               const SparsityRequest& sparsity, const WorkloadRequest& request) {
  const ModelShapes shapes = shapes_of(checkpoint.config(), model_name);
  SC_TRY_ASSIGN(const Resolved resolved, resolve(shapes, request));
  std::vector<std::string> notes;
  SC_TRY_ASSIGN(const Masks masks, masks_from_checkpoint(checkpoint, shapes, sparsity, request.head, notes));
  return compose(shapes, sparsity, masks, resolved, std::move(notes));
}

}  // namespace sparsecim
