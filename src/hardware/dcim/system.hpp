#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hardware/components/memories.hpp"
#include "hardware/components/node.hpp"
#include "hardware/dcim/tile_array.hpp"
#include "hardware/machine.hpp"
#include "hardware/parameters.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {

/// What is around the macros, the same for every digital machine of a comparison.
struct SystemParameters {
  enum class Weights { kOnChip, kResident, kDram };
  enum class Attention { kDigital, kWritten };  // on the vector unit; keys and values written into macros

  double node_nm = 28;
  std::int64_t macros = 64;
  Weights weights = Weights::kOnChip;
  Attention attention = Attention::kDigital;
  std::size_t dram_kind = 0;  // position in kDrams
  double dram_gb_per_s = 51.2;
  std::int64_t activation_bandwidth_bits = 1024;  // per cycle, of a macro's activation buffer
  std::size_t activation_bank = 1;                // position in kSramBanks
  std::int64_t partial_sum_kib = 64;              // per macro
  std::int64_t vector_macs_per_cycle = 4096;

  const SramBank& activation_sram() const { return kSramBanks[activation_bank]; }
  static constexpr const SramBank& partial_sum_sram() { return kSramBanks.back(); }
  /// Tokens whose partial sums a macro can hold.
  std::int64_t partial_sum_tokens(std::int64_t columns) const;
  /// Cycles in which a pass's sums are read from the partial-sum SRAM, added to and written back.
  std::int64_t partial_sum_cycles(const TileShape& shape) const;
  /// Cycles in which a pass's sums move over the link to the neighbour.
  std::int64_t link_cycles(std::int64_t columns) const;
};

inline constexpr std::int64_t kPartialSumBits = 32;

/// Names of kDrams.
std::vector<std::string> dram_names();

/// Declares the parameters of a system; `access` finds it inside the machine's own parameters.
template <class Target, class Access>
void declare_system(std::vector<Parameter<Target>>& parameters, Access access) {
  parameters.push_back(number_parameter<Target>({"node_nm", "technology node, nm"}, kSmallestNode_nm, kLargestNode_nm,
                                                [=](Target& t) -> double& { return access(t).node_nm; }));
  parameters.push_back(
      integer_parameter<Target>({"system.macros", "macros of the chip (weights resident: as many as tiles)"}, 1,
                                1 << 20, [=](Target& t) -> std::int64_t& { return access(t).macros; }));
  parameters.push_back(choice_parameter<Target>(
      {"system.weights", "where weights wait: on-chip SRAM for all of them, a macro per tile, or DRAM"},
      {"on_chip", "resident", "dram"}, [=](Target& t) -> auto& { return access(t).weights; }));
  parameters.push_back(choice_parameter<Target>(
      {"system.attention", "products of two activations: on the vector unit, or written into macros", "digital"},
      {"digital", "macros"}, [=](Target& t) -> auto& { return access(t).attention; }));
  parameters.push_back(choice_parameter<Target>({"dram.kind", "used with weights: dram", "lpddr4"}, dram_names(),
                                                [=](Target& t) -> auto& { return access(t).dram_kind; }));
  parameters.push_back(
      number_parameter<Target>({"dram.gb_per_s", "used with weights: dram; 10^9 bytes per second", "51.2"}, 0.001, 1e6,
                               [=](Target& t) -> double& { return access(t).dram_gb_per_s; }));
  parameters.push_back(integer_parameter<Target>(
      {"activation_buffer.bits_per_cycle", "port of each macro's activation buffer"}, 8, 1 << 20,
      [=](Target& t) -> std::int64_t& { return access(t).activation_bandwidth_bits; }));
  parameters.push_back(
      choice_parameter<Target>({"activation_buffer.bank_bytes", "SRAM macro that the buffer is built of"},
                               {"256", "1024", "2048"}, [=](Target& t) -> auto& { return access(t).activation_bank; }));
  parameters.push_back(
      integer_parameter<Target>({"partial_sums.kib", "partial-sum SRAM of each macro, in banks of 2 KiB"}, 2, 1 << 20,
                                [=](Target& t) -> std::int64_t& { return access(t).partial_sum_kib; }));
  parameters.push_back(
      integer_parameter<Target>({"vector_unit.macs_per_cycle", "8-bit products per cycle for attention"}, 1, 1 << 24,
                                [=](Target& t) -> std::int64_t& { return access(t).vector_macs_per_cycle; }));
}

/// Errors: sizes that contradict each other, with their keys.
Result<void> validate_system(const SystemParameters& system, std::int64_t columns);

/// Counts what a linear operation moves around the macros.
struct SystemWork {
  double repetitions = 0;  // of the operation
  double tokens = 0;       // of one repetition
  Tiling tiling;
  std::int64_t inputs = 0, outputs = 0;
  std::int64_t tile_inputs = 0;  // of every tile but those at the end of the inputs
  std::int64_t columns = 0;      // of a macro
  std::int64_t words = 0;        // of a macro
  double word_bits = 0;          // written with a word: weight and position
  double stored_bits = 0;
  double loads = 0;        // of every tile, in one repetition
  bool attention = false;  // what is loaded are activations, from their SRAM
  double passes = 1;       // share of all pairs of tokens and tiles: those that a pass is made for
  double reads = 1;        // share of the inputs that are read at all
  double writes = 1;       // share of the outputs that are written
};

void add_system_parts(const SystemParameters& system, const Mapping& mapping, const TileShape& shape,
                      Inventory& inventory);
void add_system_paths(std::vector<Path>& paths);
void add_system_events(const SystemParameters& system, const SystemWork& work, std::vector<Event>& events);

/// The vector unit's products for an attention operation.
void add_attention_events(const Operation& operation, std::vector<Event>& events);

}  // namespace sparsecim
