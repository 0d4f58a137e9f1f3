#pragma once

// Writes tokenizer.model files (sentencepiece_model.proto), for tests.

#include <fmt/format.h>

#include <optional>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

namespace sparsecim {

struct TestPiece {
  std::string text;
  float score = 0;
  std::int32_t type = 1;
};

/// A field that is not set is not written.
struct TestSentencePiece {
  std::vector<TestPiece> pieces;
  std::optional<std::int32_t> model_type = 2;
  std::optional<bool> byte_fallback = true, white_space_as_suffix;
  std::optional<std::string> bos, eos;
  std::string normalizer = "identity", characters_map;
  std::optional<bool> dummy_prefix, removes_extra_white_space = false, escapes_white_space;
};

/// <unk>, <s>, </s>, the bytes 3..258, then `pieces` from 259.
inline TestSentencePiece tiny_sentencepiece(const std::vector<TestPiece>& pieces) {
  TestSentencePiece model;
  model.pieces = {{"<unk>", 0, 2}, {"<s>", 0, 3}, {"</s>", 0, 3}};
  for (int byte = 0; byte < 256; ++byte) model.pieces.push_back({fmt::format("<0x{:02X}>", byte), 0, 6});
  model.pieces.insert(model.pieces.end(), pieces.begin(), pieces.end());
  return model;
}

inline std::string sentencepiece_file(const TestSentencePiece& model) {
  std::string file;
  protozero::pbf_writer message(file);
  for (const TestPiece& piece : model.pieces) {
    protozero::pbf_writer part(message, 1);
    part.add_string(1, piece.text);
    part.add_float(2, piece.score);
    if (piece.type != 1) part.add_enum(3, piece.type);
  }
  {
    protozero::pbf_writer trainer(message, 2);
    trainer.add_string(7, "text");  // input_format, which decides nothing
    if (model.model_type) trainer.add_enum(3, *model.model_type);
    if (model.white_space_as_suffix) trainer.add_bool(24, *model.white_space_as_suffix);
    if (model.byte_fallback) trainer.add_bool(35, *model.byte_fallback);
    if (model.bos) trainer.add_string(46, *model.bos);
    if (model.eos) trainer.add_string(47, *model.eos);
  }
  protozero::pbf_writer normalizer(message, 3);
  normalizer.add_string(1, model.normalizer);
  if (!model.characters_map.empty()) normalizer.add_bytes(2, model.characters_map);
  if (model.dummy_prefix) normalizer.add_bool(3, *model.dummy_prefix);
  if (model.removes_extra_white_space) normalizer.add_bool(4, *model.removes_extra_white_space);
  if (model.escapes_white_space) normalizer.add_bool(5, *model.escapes_white_space);
  return file;
}

}  // namespace sparsecim
