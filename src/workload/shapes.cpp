#include "workload/shapes.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <set>

#include "base/embedded.hpp"
#include "base/file.hpp"
#include "hardware/parameters.hpp"
#include "sparsity/fields.hpp"

namespace sparsecim {
namespace {

// No model comes near these.
constexpr std::int64_t kMostLayers = 10'000;
constexpr std::int64_t kMostHeads = 1 << 16;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 40;

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The settings of a shape file, read one by one; what nobody has asked for in the end is unknown.
class Fields {
 public:
  Fields(const std::string& path, std::vector<Setting> settings) : path_(path), settings_(std::move(settings)) {}

  bool given(const std::string& prefix) const {
    return std::ranges::any_of(settings_, [&](const Setting& s) { return s.key.starts_with(prefix); });
  }

  Result<std::string> text(const std::string& key) {
    asked_.push_back(key);
    const Setting* setting = find_setting(settings_, key);
    if (!setting) return fail(Remedy{"see docs/formats/shapes.md"}, "{}: '{}' is missing", path_, key);
    if (setting->list || setting->values.size() != 1) return fail("{}: '{}' must have one value", setting->place, key);
    return setting->values.front();
  }

  Result<std::int64_t> integer(const std::string& key, std::int64_t most) {
    SC_TRY_ASSIGN(const std::string value, text(key));
    const auto number = number_of(value);
    if (!number || *number < 1 || *number > most) return refuse(key, fmt::format("1 .. {}", most));
    return *number;
  }

  Result<std::size_t> choice(const std::string& key, const std::vector<std::string>& allowed) {
    SC_TRY_ASSIGN(const std::string value, text(key));
    const auto found = std::ranges::find(allowed, value);
    if (found == allowed.end()) return refuse(key, fmt::format("{}", fmt::join(allowed, ", ")));
    return static_cast<std::size_t>(found - allowed.begin());
  }

  /// Every setting behind `prefix`, which is a name and [outputs, inputs].
  Result<std::vector<ShapedMatrix>> matrices(const std::string& prefix) {
    std::vector<ShapedMatrix> matrices;
    for (const Setting& setting : settings_) {
      if (!setting.key.starts_with(prefix)) continue;
      asked_.push_back(setting.key);
      ShapedMatrix matrix{setting.key.substr(prefix.size())};
      const auto n_out = number_of(setting.values.empty() ? "" : setting.values.front());
      const auto n_in = number_of(setting.values.empty() ? "" : setting.values.back());
      const auto fits = [](const auto& size) { return size && *size >= 1 && *size <= kLargestDimension; };
      if (setting.values.size() != 2 || !fits(n_out) || !fits(n_in))
        return refuse(setting.key, fmt::format("[outputs, inputs], each 1 .. {}", kLargestDimension));
      matrices.push_back({std::move(matrix.name), *n_out, *n_in});
    }
    return matrices;
  }

  /// A value that is not allowed.
  tl::unexpected<Error> refuse(const std::string& key, const std::string& allowed) const {
    const Setting& setting = *find_setting(settings_, key);
    return fail(Remedy{"allowed: " + allowed}, "{}: '{}' is '{}'", setting.place, key, fmt::join(setting.values, ", "));
  }

  Result<void> refuse_rest() const {
    for (const Setting& setting : settings_)
      if (std::ranges::find(asked_, setting.key) == asked_.end())
        return fail(Remedy{"the keys are in docs/formats/shapes.md"}, "{}: unknown key '{}'", setting.place,
                    setting.key);
    return {};
  }

 private:
  const std::string& path_;
  std::vector<Setting> settings_;
  std::vector<std::string> asked_;
};

/// The name of one of `matrices`.
Result<std::string> matrix_of(Fields& fields, const std::string& key, const std::vector<ShapedMatrix>& matrices) {
  std::vector<std::string> names;
  for (const ShapedMatrix& matrix : matrices) names.push_back(matrix.name);
  SC_TRY_ASSIGN(const std::size_t index, fields.choice(key, names));
  return names[index];
}

Result<void> read_attention(Fields& fields, const std::string& stack_name, LayerStack& stack) {
  const std::string prefix = stack_name + ".attention.";
  SC_TRY_ASSIGN(const std::size_t kind, fields.choice(prefix + "kind", {"none", "causal", "bidirectional"}));
  stack.attention = static_cast<Attention>(kind);
  if (stack.attention == Attention::kNone) return {};
  SC_TRY_ASSIGN(stack.n_heads, fields.integer(prefix + "heads", kMostHeads));
  SC_TRY_ASSIGN(stack.n_kv_heads, fields.integer(prefix + "kv_heads", kMostHeads));
  SC_TRY_ASSIGN(stack.head_dim, fields.integer(prefix + "head_dim", kLargestDimension));
  if (stack.n_heads % stack.n_kv_heads != 0)
    return fields.refuse(prefix + "kv_heads", fmt::format("divisors of the {} heads", stack.n_heads));
  SC_TRY_ASSIGN(stack.attention_behind, matrix_of(fields, prefix + "behind", stack.matrices));
  return {};
}

Result<void> read_cross_attention(Fields& fields, const std::string& stack_name, LayerStack& stack) {
  SC_TRY_ASSIGN(stack.source_matrices, fields.matrices(stack_name + ".source_matrices."));
  const std::string key = stack_name + ".cross_attention.behind";
  if (stack.source_matrices.empty() && !fields.given(stack_name + ".cross_attention.")) return {};
  SC_TRY_ASSIGN(stack.cross_attention_behind, matrix_of(fields, key, stack.matrices));
  if (stack.source_matrices.empty() || stack.attention == Attention::kNone)
    return fail("'{}' needs {}.source_matrices and attention heads", key, stack_name);
  return {};
}

/// Matrices of one layer have different names, and layers by their number.
Result<void> check_names(const LayerStack& stack, const std::string& stack_name) {
  const std::size_t number = stack.layer_name.find("{}");
  if (number == std::string::npos || stack.layer_name.find("{}", number + 2) != std::string::npos)
    return fail("'{}.layer_name' is '{}', without one {{}} for the number of the layer", stack_name, stack.layer_name);
  std::set<std::string> names;
  for (const auto* matrices : {&stack.matrices, &stack.source_matrices})
    for (const ShapedMatrix& matrix : *matrices)
      if (!names.insert(matrix.name).second) return fail("{}: '{}' is given twice", stack_name, matrix.name);
  return {};
}

Result<std::optional<LayerStack>> read_stack(Fields& fields, const std::string& name) {
  if (!fields.given(name + ".")) return std::nullopt;
  LayerStack stack;
  SC_TRY_ASSIGN(stack.layer_name, fields.text(name + ".layer_name"));
  SC_TRY_ASSIGN(stack.n_layers, fields.integer(name + ".layers", kMostLayers));
  SC_TRY_ASSIGN(stack.matrices, fields.matrices(name + ".matrices."));
  if (stack.matrices.empty()) return fail("'{}.matrices' is missing", name);
  SC_TRY(read_attention(fields, name, stack));
  SC_TRY(read_cross_attention(fields, name, stack));
  SC_TRY(check_names(stack, name));
  return stack;
}

double weights_of(const LayerStack& stack) {
  double weights = 0;
  for (const auto* matrices : {&stack.matrices, &stack.source_matrices})
    for (const ShapedMatrix& matrix : *matrices)
      weights += static_cast<double>(matrix.n_out) * static_cast<double>(matrix.n_in);
  return weights * static_cast<double>(stack.n_layers);
}

double layer_weights_of(const ModelShapes& shapes) {
  return (shapes.encoder ? weights_of(*shapes.encoder) : 0) + (shapes.decoder ? weights_of(*shapes.decoder) : 0);
}

/// What only the whole can contradict.
Result<void> check_whole(const ModelShapes& shapes) {
  if (!shapes.encoder && !shapes.decoder)
    return fail(Remedy{"see docs/formats/shapes.md"}, "there is neither an 'encoder' nor a 'decoder'");
  const bool cross = shapes.decoder && !shapes.decoder->source_matrices.empty();
  if (shapes.encoder && shapes.decoder && !cross) return fail("the decoder does not look at the encoder");
  if (cross && !shapes.encoder) return fail("the decoder looks at an encoder that is missing");
  if (shapes.encoder && !shapes.encoder->source_matrices.empty()) return fail("an encoder has no cross-attention");
  if (cross && shapes.encoder->layer_name == shapes.decoder->layer_name)
    return fail("encoder and decoder give their layers the same names");
  if (shapes.decoder && shapes.decoder->attention == Attention::kBidirectional)
    return fail("the attention of a decoder is causal or none");
  if (shapes.encoder && shapes.encoder->attention != Attention::kBidirectional)
    return fail("the attention of an encoder is bidirectional");
  if (layer_weights_of(shapes) > static_cast<double>(kMostWeights)) return fail("the model has more than 2^53 weights");
  return {};
}

Result<ModelShapes> shapes_from(Fields& fields, std::string name) {
  ModelShapes shapes{.name = std::move(name)};
  SC_TRY_ASSIGN(shapes.vocabulary, fields.integer("vocabulary", kLargestDimension));
  if (fields.given("max_positions")) {
    SC_TRY_ASSIGN(shapes.max_positions, fields.integer("max_positions", kMostPositions));
  }
  SC_TRY_ASSIGN(shapes.encoder, read_stack(fields, "encoder"));
  SC_TRY_ASSIGN(shapes.decoder, read_stack(fields, "decoder"));
  SC_TRY_ASSIGN(shapes.head, fields.matrices("head."));
  SC_TRY(fields.refuse_rest());
  return shapes;
}

}  // namespace

std::int64_t ModelShapes::layer_weights() const { return static_cast<std::int64_t>(layer_weights_of(*this)); }

Result<ModelShapes> parse_shapes(const std::string& path, const std::string& text) {
  SC_TRY_ASSIGN(std::vector<Setting> settings, parse_settings(path, text));
  Fields fields(path, std::move(settings));
  SC_TRY_ASSIGN(ModelShapes shapes, shapes_from(fields, std::filesystem::path(path).stem()));
  SC_TRY(within(path, check_whole(shapes)));
  return shapes;
}

Result<ModelShapes> read_shapes(const std::string& name_or_path) {
  for (const EmbeddedFile& file : embedded_files())
    if (file.path == fmt::format("shapes/{}.yaml", name_or_path))
      return parse_shapes(std::string(file.path), std::string(file.content));
  if (!std::filesystem::exists(name_or_path))
    return fail(Remedy{fmt::format("shipped are {}", fmt::join(shipped_shapes(), ", "))},
                "'{}' is neither a shipped model shape nor a file", name_or_path);
  SC_TRY_ASSIGN(const std::string text, read_text_file(name_or_path, 1 << 20));
  return parse_shapes(name_or_path, text);
}

std::vector<std::string> shipped_shapes() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files())
    if (file.path.starts_with("shapes/")) names.push_back(std::filesystem::path(file.path).stem());
  return names;
}

bool names_shapes(const std::string& name_or_path) {
  if (name_or_path.ends_with(".yaml") || name_or_path.ends_with(".yml")) return true;
  const std::vector<std::string> names = shipped_shapes();
  return std::ranges::find(names, name_or_path) != names.end();
}

ModelShapes shapes_of(const ModelConfig& config, std::string name) {
  LayerStack stack;
  stack.layer_name = "model.layers.{}";
  stack.n_layers = config.n_layers;
  for (const LinearShape& linear : block_linears(config))
    stack.matrices.push_back({linear.name, linear.n_out, linear.n_in});
  stack.attention = Attention::kCausal;
  stack.n_heads = config.n_heads;
  stack.n_kv_heads = config.n_kv_heads;
  stack.head_dim = config.head_dim;
  stack.attention_behind = "self_attn.v_proj";
  return {.name = std::move(name),
          .vocabulary = config.vocab_size,
          .max_positions = config.max_positions,
          .decoder = std::move(stack),
          .head = {{"lm_head", config.vocab_size, config.hidden_size}}};
}

std::string name_in_layer(const LayerStack& stack, std::int64_t layer, const std::string& name) {
  std::string layer_name = stack.layer_name;
  layer_name.replace(layer_name.find("{}"), 2, std::to_string(layer));
  return layer_name + "." + name;
}

}  // namespace sparsecim
