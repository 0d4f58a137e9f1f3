#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/embedded.hpp"
#include "hardware/machine_kinds.hpp"
#include "hardware/simulate.hpp"

// For tests: shipped machines with some lines changed, and workloads of one matrix.

namespace sparsecim {

using Changes = std::vector<std::pair<std::string, std::string>>;

/// `arch/NAME.yaml` with texts replaced.
inline std::string shipped_description(const std::string& name, const Changes& changes = {}) {
  std::string text;
  for (const EmbeddedFile& file : embedded_files())
    if (file.path == "arch/" + name + ".yaml") text = file.content;
  for (const auto& [from, to] : changes) {
    const std::size_t at = text.find(from);
    SC_CHECK(at != std::string::npos);
    text.replace(at, from.size(), to);
  }
  return text;
}

inline MachineDescription machine_with(const std::string& name, const Changes& changes = {}) {
  const auto settings = parse_settings(name, shipped_description(name, changes)).value();
  const std::string kind = find_setting(settings, "machine")->values.front();
  for (const MachineKind& known : machine_kinds())
    if (known.name == kind) return {name, std::shared_ptr<const Machine>(known.make(name, settings).value())};
  SC_CHECK(false);
}

inline Operation matrix(Pattern pattern, std::int64_t tokens = 512, std::int64_t inputs = 1024,
                        std::int64_t outputs = 768) {
  return {.name = "up", .n_tokens = tokens, .n_inputs = inputs, .n_outputs = outputs, .pattern = pattern};
}

inline Workload workload_of(const Operation& operation) {
  return {.name = "one matrix", .n_tokens = operation.n_tokens, .operations = {operation}};
}

inline Simulation simulated(const MachineDescription& machine, const Operation& operation,
                            Fidelity fidelity = Fidelity::kClosedForm) {
  return simulate(workload_of(operation), machine, fidelity).value();
}

/// The nominal energy of a component, 0 where it has none.
inline double energy_of(const Simulation& simulation, std::string_view component) {
  for (const ComponentEnergy& energy : simulation.energy)
    if (energy.component == component) return energy.energy_pj.nominal;
  return 0;
}

/// A prefill by the decoder's matrices at 2:4; causal attention is counted as if it looked at everything.
inline Workload llama_3_8b(std::int64_t tokens) {
  Workload workload{.name = "LLaMA-3-8B", .n_tokens = tokens};
  for (int block = 0; block < 32; ++block) {
    const auto add = [&](const char* name, std::int64_t inputs, std::int64_t outputs) {
      workload.operations.push_back({.name = fmt::format("model.layers.{}.{}", block, name),
                                     .n_tokens = tokens,
                                     .n_inputs = inputs,
                                     .n_outputs = outputs,
                                     .pattern = {2, 4}});
    };
    for (const char* name : {"self_attn.q_proj", "self_attn.o_proj"}) add(name, 4096, 4096);
    for (const char* name : {"self_attn.k_proj", "self_attn.v_proj"}) add(name, 4096, 1024);
    for (const char* name : {"mlp.gate_proj", "mlp.up_proj"}) add(name, 4096, 14336);
    add("mlp.down_proj", 14336, 4096);
    for (int product = 0; product < 2; ++product)
      workload.operations.push_back({.name = "attention",
                                     .kind = Operation::Kind::kAttention,
                                     .n_tokens = tokens,
                                     .n_inputs = product ? tokens : 128,
                                     .n_outputs = product ? 128 : tokens,
                                     .count = 32});
  }
  return workload;
}

}  // namespace sparsecim
