#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sparsity/pattern.hpp"

namespace sparsecim {

/// How many bits change, which is what digital logic pays for. Shares are of 8-bit two's-complement operands.
struct Activity {
  double nonzero_weights = 1;      // share of the *stored* weights (kept slots) that are not zero
  double weight_ones = 0.5;        // share of ones among the bits of stored weights
  double activation_toggle = 0.5;  // share of activation bits that differ from the plane before
  bool measured = false;           // on a checkpoint; otherwise declared
};

/// One matrix product: [n_tokens, n_inputs] x [n_inputs, n_outputs], done `count` times.
struct Operation {
  enum class Kind {
    kLinear,     // weights are stationary
    kAttention,  // both operands are activations (Q K^T, P V): digital vector unit
  };
  std::string name;  // "model.layers.3.mlp.up_proj"
  Kind kind = Kind::kLinear;
  std::int64_t n_tokens = 1, n_inputs = 1, n_outputs = 1;
  std::int64_t count = 1;
  Pattern pattern;  // of the real mask; dense where there is none
  Activity activity;
};

/// What a machine is asked to run. Plain data; knows no checkpoint and no machine.
struct Workload {
  std::string name;  // "SmolLM2-135M, prefill of 512 tokens"
  std::vector<Operation> operations;
};

}  // namespace sparsecim
