#include "workload/shapes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/embedded.hpp"
#include "base/file.hpp"

namespace sparsecim {
namespace {

using testing::HasSubstr;

std::int64_t head_weights(const ModelShapes& shapes) {
  std::int64_t weights = 0;
  for (const ShapedMatrix& matrix : shapes.head) weights += matrix.n_out * matrix.n_in;
  return weights;
}

/// What a published model has beside the matrices of its shape file, by what it is.
struct Published {
  const char* name;
  std::int64_t parameters;  // counted by `transformers`; the papers round them
  std::int64_t rest;
};

/// Embeddings that are also the head are counted as the head.
const std::vector<Published> kPublished = {
    // embedding; norms
    {"llama-3-8b", 8'030'261'248, 128256LL * 4096 + 65 * 4096},
    {"llama-2-7b", 6'738'415'616, 32000LL * 4096 + 65 * 4096},
    // token, position and type embeddings with their norm; biases and norms of a layer; bias of the pooler
    {"bert-large", 335'141'888, (30522 + 512 + 2) * 1024 + 2048 + 24 * (9 * 1024 + 4 * 1024) + 1024},
    // positions of both stacks (two more than max_positions) and norms behind the embeddings; biases and norms
    {"bart-large", 406'291'456, 2 * 1026 * 1024 + 2 * 2048 + 12 * 13 * 1024 + 12 * 19 * 1024},
    {"gpt2-medium", 354'823'168, 1024 * 1024 + 24 * (9 + 4) * 1024 + 2048},
    {"gpt2-small", 124'439'808, 1024 * 768 + 12 * (9 + 4) * 768 + 1536},
    {"opt-6.7b", 6'658'473'984, 2050 * 4096 + 32 * (9 + 4) * 4096 + 8192},
    // embedding; five mixes, decay, first and two norms of a layer; norms in front and behind
    {"rwkv-4-7b", 7'392'649'216, 50277LL * 4096 + 32 * 11 * 4096 + 4 * 4096},
};

TEST(Shapes, OfEveryShippedModelAddUpToItsPublishedParameters) {
  for (const auto& [name, parameters, rest] : kPublished) {
    const auto shapes = read_shapes(name);
    ASSERT_TRUE(shapes) << shapes.error().line();
    EXPECT_EQ(shapes->layer_weights() + head_weights(*shapes) + rest, parameters) << name;
    EXPECT_EQ(shapes->name, name);
  }
}

TEST(Shapes, AreShippedForExactlyTheseModels) {
  std::size_t shipped = 0;
  for (const EmbeddedFile& file : embedded_files()) shipped += file.path.starts_with("shapes/");
  EXPECT_EQ(shipped, kPublished.size());
}

TEST(Shapes, OfAttentionFitTheMatricesAroundIt) {
  for (const Published& model : kPublished) {
    const ModelShapes shapes = read_shapes(model.name).value();
    for (const auto* stack : {&shapes.encoder, &shapes.decoder}) {
      if (!*stack || (*stack)->attention == Attention::kNone) continue;
      const ShapedMatrix& first = (*stack)->matrices.front();
      const std::int64_t queries = (*stack)->n_heads * (*stack)->head_dim;
      const std::int64_t keys = (*stack)->n_kv_heads * (*stack)->head_dim;
      EXPECT_EQ(queries, first.n_in) << model.name;
      const bool one_matrix = first.name == (*stack)->attention_behind;  // GPT-2's c_attn
      EXPECT_EQ(first.n_out, one_matrix ? queries + 2 * keys : queries) << model.name;
      EXPECT_EQ((*stack)->matrices[1].n_out, one_matrix ? first.n_in : keys) << model.name;
    }
  }
}

TEST(Shapes, NameTheMatricesAsCheckpointsDo) {
  const ModelShapes llama = read_shapes("llama-3-8b").value();
  EXPECT_EQ(name_in_layer(*llama.decoder, 31, "mlp.up_proj"), "model.layers.31.mlp.up_proj");
  EXPECT_EQ(llama.decoder->attention_behind, "self_attn.v_proj");
  EXPECT_EQ(read_shapes("rwkv-4-7b")->max_positions, 0) << "a recurrence has no limit";
}

TEST(Shapes, OfACheckpointAreThoseOfItsConfiguration) {
  ModelConfig config;
  config.n_layers = 32;
  config.hidden_size = 4096;
  config.intermediate_size = 14336;
  config.n_heads = 32;
  config.n_kv_heads = 8;
  config.head_dim = 128;
  config.vocab_size = 128256;
  config.max_positions = 8192;
  const ModelShapes shapes = shapes_of(config, "mine"), shipped = read_shapes("llama-3-8b").value();
  EXPECT_EQ(shapes.name, "mine");
  ASSERT_EQ(shapes.decoder->matrices.size(), shipped.decoder->matrices.size());
  for (std::size_t i = 0; i < shapes.decoder->matrices.size(); ++i) {
    EXPECT_EQ(shapes.decoder->matrices[i].name, shipped.decoder->matrices[i].name);
    EXPECT_EQ(shapes.decoder->matrices[i].n_out, shipped.decoder->matrices[i].n_out);
    EXPECT_EQ(shapes.decoder->matrices[i].n_in, shipped.decoder->matrices[i].n_in);
  }
  EXPECT_EQ(head_weights(shapes), head_weights(shipped));
  EXPECT_EQ(shapes.decoder->attention_behind, shipped.decoder->attention_behind);
}

constexpr const char* kSmall = R"(vocabulary: 100
max_positions: 64
encoder:
  layer_name: encoder.{}
  layers: 2
  matrices: {q: [8, 8], ff: [16, 8]}
  attention: {kind: bidirectional, heads: 4, kv_heads: 2, head_dim: 2, behind: q}
decoder:
  layer_name: decoder.{}
  layers: 3
  matrices: {q: [8, 8], cross_q: [8, 8]}
  attention: {kind: causal, heads: 4, kv_heads: 2, head_dim: 2, behind: q}
  source_matrices: {k: [8, 16]}
  cross_attention: {behind: cross_q}
head:
  lm_head: [100, 8]
)";

/// What parse_shapes says of the file above with one piece of text replaced.
std::string refusal(const std::string& old_text, const std::string& new_text) {
  std::string text = kSmall;
  const std::size_t place = text.find(old_text);
  EXPECT_NE(place, std::string::npos) << old_text;
  text.replace(place, old_text.size(), new_text);
  const auto shapes = parse_shapes("small.yaml", text);
  return shapes ? "accepted" : shapes.error().line();
}

TEST(ShapeFile, IsReadWhole) {
  const auto shapes = parse_shapes("dir/small.yaml", kSmall);
  ASSERT_TRUE(shapes) << shapes.error().line();
  EXPECT_EQ(shapes->name, "small");
  EXPECT_EQ(shapes->layer_weights(), 2 * (64 + 128) + 3 * (64 + 64 + 128));
  EXPECT_EQ(shapes->decoder->source_matrices.front().n_in, 16);
  EXPECT_EQ(shapes->decoder->cross_attention_behind, "cross_q");
}

TEST(ShapeFile, IsRefusedWithLineKeyAndWhatIsAllowed) {
  EXPECT_EQ(refusal("layers: 2", "layers: none"), "small.yaml:5:3: 'encoder.layers' is 'none'; allowed: 1 .. 10000");
  EXPECT_EQ(refusal("layers: 2", "layers: 0"), "small.yaml:5:3: 'encoder.layers' is '0'; allowed: 1 .. 10000");
  EXPECT_EQ(refusal("kind: causal", "kind: sliding"),
            "small.yaml:12:15: 'decoder.attention.kind' is 'sliding'; allowed: none, causal, bidirectional");
  EXPECT_EQ(refusal("behind: q}\ndecoder", "behind: o}\ndecoder"),
            "small.yaml:7:72: 'encoder.attention.behind' is 'o'; allowed: q, ff");
  EXPECT_EQ(refusal("kv_heads: 2", "kv_heads: 3"),
            "small.yaml:7:46: 'encoder.attention.kv_heads' is '3'; allowed: divisors of the 4 heads");
  for (const char* shape : {"[8]", "[8, 8, 8]", "8", "[8, x]", "[0, 8]", "[8, 99999999]", "[8, -8]", "[]"})
    EXPECT_THAT(refusal("ff: [16, 8]", fmt::format("ff: {}", shape)),
                HasSubstr("allowed: [outputs, inputs], each 1 .. 16777216"))
        << shape;
  EXPECT_EQ(refusal("max_positions: 64", "max_position: 64"),
            "small.yaml:2:1: unknown key 'max_position'; the keys are in docs/formats/shapes.md");
  EXPECT_EQ(refusal("vocabulary: 100\n", ""), "small.yaml: 'vocabulary' is missing; see docs/formats/shapes.md");
  EXPECT_EQ(refusal("layers: 3", "layers: 3\n  layers: 3"),
            "small.yaml:11:3: 'decoder.layers' is given twice; keep one of them");
}

TEST(ShapeFile, IsRefusedWhereItContradictsItself) {
  EXPECT_THAT(refusal("decoder.{}", "decoder"), HasSubstr("without one {} for the number of the layer"));
  EXPECT_THAT(refusal("decoder.{}", "x{}.{}"), HasSubstr("without one {} for the number of the layer"));
  EXPECT_THAT(refusal("decoder.{}", "encoder.{}"), HasSubstr("encoder and decoder give their layers the same names"));
  EXPECT_THAT(refusal("k: [8, 16]", "q: [8, 16]"), HasSubstr("decoder: 'q' is given twice"));
  EXPECT_THAT(refusal("  cross_attention: {behind: cross_q}\n", ""),
              HasSubstr("'decoder.cross_attention.behind' is missing"));
  EXPECT_THAT(refusal("  source_matrices: {k: [8, 16]}\n", ""), HasSubstr("needs decoder.source_matrices"));
  EXPECT_THAT(refusal("kind: causal", "kind: bidirectional"),
              HasSubstr("the attention of a decoder is causal or none"));
  EXPECT_THAT(refusal("kind: bidirectional", "kind: causal"),
              HasSubstr("the attention of an encoder is bidirectional"));
  EXPECT_THAT(refusal("  matrices: {q: [8, 8], ff: [16, 8]}\n", ""), HasSubstr("'encoder.matrices' is missing"));
  EXPECT_EQ(parse_shapes("x.yaml", "vocabulary: 3").error().what,
            "x.yaml: there is neither an 'encoder' nor a 'decoder'");
  const std::string huge =
      "vocabulary: 3\ndecoder: {layer_name: 'l.{}', layers: 10000, attention: {kind: none}, "
      "matrices: {a: [16777216, 16777216]}}";
  EXPECT_EQ(parse_shapes("x.yaml", huge).error().what, "x.yaml: the model has more than 2^53 weights");
}

TEST(ShapeFile, ThatIsNoYamlIsRefused) {
  for (const std::string text : {"", "- 1", "vocabulary: [", "\x80\xff", "&a [*a]", "a: &x {b: *x}"})
    EXPECT_FALSE(parse_shapes("x.yaml", text)) << text;
  EXPECT_FALSE(parse_shapes("x.yaml", std::string(100'000, '[')));
  EXPECT_FALSE(parse_shapes("x.yaml", std::string(100'000, '{')));
}

/// Cut off anywhere, or with any byte replaced: an error or other shapes, never a crash.
TEST(ShapeFile, SurvivesTruncationAndAnyByteInAnyPlace) {
  const std::string whole = kSmall;
  int refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length)
    refused += !parse_shapes("x.yaml", whole.substr(0, length));
  EXPECT_GT(refused, 400) << "all but those that miss only their end";
  for (std::size_t place = 0; place < whole.size(); ++place)
    for (const char byte : {'{', ']', ':', '&', '*', '\0', '\xff'}) {
      std::string changed = whole;
      changed[place] = byte;
      refused += !parse_shapes("x.yaml", changed);
    }
  EXPECT_GT(refused, 1500);
}

TEST(Shapes, AreFoundByShippedNameOrByPath) {
  EXPECT_TRUE(names_shapes("gpt2-small"));
  EXPECT_TRUE(names_shapes("dir/mine.yaml"));
  EXPECT_FALSE(names_shapes("model.gguf"));
  EXPECT_EQ(read_shapes("gpt3").error().line(),
            "'gpt3' is neither a shipped model shape nor a file; shipped are bart-large, bert-large, gpt2-medium, "
            "gpt2-small, llama-2-7b, llama-3-8b, opt-6.7b, rwkv-4-7b");
  const auto path = std::filesystem::temp_directory_path() / fmt::format("shapes_test_{}.yaml", ::getpid());
  ASSERT_TRUE(write_text_file(path, kSmall));
  EXPECT_EQ(read_shapes(path.string())->decoder->n_layers, 3);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sparsecim
