#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"
#include "model/llama.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// A model that is ready to run, with the checkpoint that it came from.
struct OpenModel {
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Tokenizer> tokenizer;
  Llama llama;
};

/// Opens `model` (as open_checkpoint), which reads its blocks when they are asked for. Errors: the checkpoint's, its
/// vocabulary's, the compute's.
Result<OpenModel> open_model(const std::string& model, const Compute& compute);
/// The same with all blocks in memory.
Result<OpenModel> load_model(const std::string& model, const Compute& compute);

}  // namespace sparsecim
