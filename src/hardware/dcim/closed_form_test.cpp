// The closed form on small random machines and shapes: its events against a naive walk over every macro, tile and
// token, its time against the cycle model.

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "hardware/components/accumulator.hpp"
#include "hardware/dense_dcim/dense_dcim.hpp"
#include "hardware/flexcim/flexcim.hpp"
#include "hardware/native_pattern.hpp"

namespace sparsecim {
namespace {

struct SmallMachine {
  std::int64_t rows, columns, sub_macros, macros, port_bits;
  std::vector<Pattern> patterns;
  bool flexcim;
  std::string pair_select = "bitserial_per_cell", weights = "on_chip";
  std::int64_t columns_per_cycle = 1;
  std::string attention = "digital", accumulators = "per_sub_macro";

  std::string yaml() const {
    std::string text = fmt::format(
        "node_nm: 28\nmacro: {{rows: {}, columns: {}, weight_bits: 8, activation_bits: 8, partial_sum_entries: 3}}\n"
        "activation_buffer: {{bits_per_cycle: {}, bank_bytes: 256}}\npartial_sums: {{kib: 2}}\n"
        "vector_unit: {{macs_per_cycle: 16}}\nsystem: {{macros: {}, weights: {}, attention: {}}}\ndram: {{gb_per_s: "
        "2}}\n",
        rows, columns, port_bits, macros, weights, attention);
    if (!flexcim) return "machine: dense-dcim\n" + text;
    text += fmt::format(
        "machine: flexcim\nsub_macros: {}\npair_select: {}\ncolumns_per_cycle: {}\ncolumns_per_group: {}\n"
        "accumulators: {}\npatterns: [dense",
        sub_macros, pair_select, columns_per_cycle, columns % 4 == 0 ? 4 : 1, accumulators);
    for (const Pattern pattern : patterns)
      if (!pattern.dense()) text += ", " + pattern.name();
    return text + "]\n";
  }
  std::unique_ptr<Machine> make() const {
    const auto settings = parse_settings("small", yaml()).value();
    return std::move(flexcim ? make_flexcim("small", settings) : make_dense_dcim("small", settings)).value();
  }
  MacroArray array() const { return {.rows = rows, .columns = columns, .sub_macros = sub_macros}; }
  /// 2 KiB of 32-bit sums.
  std::int64_t partial_sum_tokens() const { return 512 / columns; }
};

/// Inputs of a pass, by laying blocks into the grid of row positions x sub-macros until none fits.
std::int64_t packed_inputs(const SmallMachine& machine, Pattern pattern) {
  if (pattern.dense()) return machine.rows;
  std::int64_t inputs = 0;
  const std::int64_t positions = machine.rows / machine.sub_macros;
  for (std::int64_t position = 0, used = 0; position < positions;) {
    if (pattern.n <= machine.sub_macros) {
      if (used + pattern.n <= machine.sub_macros) {
        used += pattern.n;
        inputs += pattern.m;
      } else {
        ++position;
        used = 0;
      }
      continue;
    }
    std::int64_t left = pattern.n;  // a block that starts a row position and takes as many whole ones as it needs
    while (left > 0 && position < positions) {
      left -= machine.sub_macros;
      ++position;
    }
    if (left <= 0) inputs += pattern.m;
  }
  return inputs;
}

/// Everything that is counted, by "component/cost/unit".
using Counts = std::map<std::string, double>;

struct Tile {
  std::int64_t k, q, inputs, outputs, slots;
};

class Walk {
 public:
  explicit Walk(const SmallMachine& machine) : machine_(machine) {}

  void operation(const Operation& operation, Pattern pattern) {
    cut(operation, pattern);
    one_bits_of_input_ = operation.weight_one_bits() / static_cast<double>(operation.n_inputs * operation.n_outputs);
    for (std::int64_t repetition = 0; repetition < operation.count; ++repetition) repeat(operation, pattern);
  }

  Counts counts;

 private:
  void cut(const Operation& operation, Pattern pattern) {
    const std::int64_t per_tile = packed_inputs(machine_, pattern);
    tiles_.clear();
    for (std::int64_t q = 0; q * machine_.columns < operation.n_outputs; ++q)
      for (std::int64_t k = 0; k * per_tile < operation.n_inputs; ++k) {
        const std::int64_t inputs = std::min(per_tile, operation.n_inputs - k * per_tile);
        const std::int64_t outputs = std::min(machine_.columns, operation.n_outputs - q * machine_.columns);
        const std::int64_t blocks = (inputs + pattern.m - 1) / pattern.m;
        tiles_.push_back({k, q, inputs, outputs, pattern.dense() ? inputs : blocks * pattern.n});
      }
    per_macro_ = (static_cast<std::int64_t>(tiles_.size()) + machine_.macros - 1) / machine_.macros;
  }

  std::vector<Tile> tiles_of(std::int64_t macro) const {
    std::vector<Tile> own;
    for (std::int64_t i = macro * per_macro_; i < (macro + 1) * per_macro_; ++i)
      if (i < static_cast<std::int64_t>(tiles_.size())) own.push_back(tiles_[static_cast<std::size_t>(i)]);
    return own;
  }

  bool adds_up_locally() const {
    for (std::int64_t macro = 0; macro < machine_.macros; ++macro) {
      const auto own = tiles_of(macro);
      for (std::size_t i = 1; i < own.size(); ++i)
        if (own[i].q == own[i - 1].q) return true;
    }
    return false;
  }

  void repeat(const Operation& operation, Pattern pattern) {
    const std::int64_t room = adds_up_locally() ? machine_.partial_sum_tokens() : operation.n_tokens;
    for (std::int64_t macro = 0; macro < machine_.macros; ++macro) run_macro(tiles_of(macro), operation, pattern, room);
    count_multicasts(operation);
  }

  /// As few chunks as the room allows, dealt out a token at a time.
  static std::vector<std::int64_t> chunks_of(std::int64_t tokens, std::int64_t room) {
    std::size_t chunks = 1;
    while (static_cast<std::int64_t>(chunks) * room < tokens) ++chunks;
    std::vector<std::int64_t> sizes(chunks, 0);
    for (std::int64_t token = 0; token < tokens; ++token) ++sizes[static_cast<std::size_t>(token) % chunks];
    return sizes;
  }

  /// Loads and runs a macro's tiles for every chunk of tokens.
  void run_macro(const std::vector<Tile>& own, const Operation& operation, Pattern pattern, std::int64_t room) {
    for (const std::int64_t tokens : chunks_of(operation.n_tokens, room))
      for (std::size_t i = 0; i < own.size(); ++i) {
        for (std::int64_t token = 0; token < tokens; ++token) count_pass(own[i], pattern);
        count_load(own[i], pattern);
        // The tile before in this macro left a sum for the same output.
        if (i > 0 && own[i - 1].q == own[i].q)
          counts["partial sums read"] += 32.0 * static_cast<double>(tokens * own[i].outputs);
        if (i == 0 && own[i].k > 0) counts["joined"] += 32.0 * static_cast<double>(tokens * own[i].outputs);
      }
  }

  void count_pass(const Tile& tile, Pattern pattern) {
    const auto add = [&](const char* what, std::int64_t n) { counts[what] += static_cast<double>(n); };
    const MacroArray array = machine_.array();
    const auto sum_bits = static_cast<double>(tile.outputs * machine_.sub_macros * array.accumulator_bits());
    const double ones = one_bits_of_input_ * static_cast<double>(tile.inputs) / static_cast<double>(8 * array.rows);
    const double last = tree_activity(array.tree(), 0.5 * ones).back();
    counts["accumulator bits"] += sum_bits * 8 * accumulator_activity(last).register_bits;
    counts["partial-sum bits"] += sum_bits * sum_change(last);
    add("delivered bits", tile.inputs * 8);
    add("line passes", tile.inputs * (pattern.dense() ? 1 : pattern.n));
  }

  void count_load(const Tile& tile, Pattern pattern) {
    const int position_bits = pattern.dense() ? 0 : std::countr_zero(static_cast<unsigned>(pattern.m));
    counts["loaded words"] += static_cast<double>(machine_.rows * machine_.columns);
    counts["weight bits"] += static_cast<double>(tile.slots * tile.outputs * (8 + position_bits));
  }

  /// In each step, every input tile at work anywhere is read once for all macros.
  void count_multicasts(const Operation& operation) {
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> inputs_of;  // by step and input tile
    const std::int64_t input_tiles = tiles_.back().k + 1;
    const Tiling tiling{input_tiles, std::ssize(tiles_) / input_tiles, per_macro_};
    for (std::int64_t macro = 0; macro < tiling.macros_used(); ++macro) {
      const std::vector<std::int64_t> steps = tiling.steps_of(macro);
      const auto own = tiles_of(macro);
      for (std::size_t i = 0; i < own.size(); ++i) inputs_of[{steps.at(i), own[i].k}] = own[i].inputs;
    }
    for (const auto& [where, inputs] : inputs_of)
      counts["multicast bits"] += 8.0 * static_cast<double>(inputs * operation.n_tokens);
  }

  const SmallMachine& machine_;
  std::vector<Tile> tiles_;
  std::int64_t per_macro_ = 0;
  double one_bits_of_input_ = 0;  // in its weight for one output
};

double events(const Run& run, std::string_view component, std::string_view cost, std::string_view unit) {
  double count = 0;
  for (const OperationRun& operation : run.operations)
    for (const Event& event : operation.events)
      if (event.component == component && event.cost->name == cost && event.cost->unit == unit) count += event.count;
  return count;
}

void expect_equal(const SmallMachine& machine, const Run& run, Walk& walk) {
  Counts& counts = walk.counts;
  const auto expect_near = [](double count, double expected) { EXPECT_NEAR(count, expected, 1e-9 * expected); };
  expect_near(events(run, "accumulators", "flip-flop", "stored bit changing"), counts["accumulator bits"]);
  expect_near(events(run, "partial-sum entries", "flip-flop", "stored bit changing"), counts["partial-sum bits"]);
  EXPECT_EQ(events(run, "activation buffers", "SRAM bank 256 B", "bit read"), counts["delivered bits"]);
  EXPECT_EQ(events(run, "activation buffers", "SRAM bank 256 B", "bit written"), counts["delivered bits"]);
  EXPECT_EQ(events(run, "weight SRAM", "on-chip SRAM", "bit read"), counts["weight bits"]);
  EXPECT_EQ(events(run, "partial sums", "SRAM bank 2 KiB", "bit read"), counts["partial sums read"]);
  EXPECT_EQ(events(run, "partial sums", "SRAM bank 2 KiB", "bit written"), counts["partial sums read"]);
  expect_near(events(run, "link adders", "full adder", "every gate input changing once"),
              counts["joined"] * kFreshOperandActivity);
  EXPECT_EQ(events(run, "activation SRAM", "on-chip SRAM", "bit read"), counts["multicast bits"]);
  EXPECT_EQ(events(run, "activation lines", "activation line", "line changing, per column that it passes"),
            counts["line passes"] * 8 * 0.5 * static_cast<double>(machine.columns));
}

template <class T>
T one_of(std::mt19937_64& random, const std::vector<T>& values) {
  return values[random() % values.size()];
}

SmallMachine random_machine(std::mt19937_64& random) {
  SmallMachine machine{.rows = one_of<std::int64_t>(random, {16, 32}),
                       .columns = one_of<std::int64_t>(random, {4, 7, 32, 256}),
                       .sub_macros = one_of<std::int64_t>(random, {1, 2, 4, 8}),
                       .macros = one_of<std::int64_t>(random, {1, 2, 3, 5, 16}),
                       .port_bits = one_of<std::int64_t>(random, {8, 24, 64, 100, 1024}),
                       .patterns = {},
                       .flexcim = random() % 4 != 0};
  if (!machine.flexcim) machine.sub_macros = 1;
  for (int m = 2; m <= 2 * machine.sub_macros && m <= 8; m *= 2)
    for (int n = 1; n < m; ++n) machine.patterns.push_back({n, m});
  machine.patterns.push_back({});
  return machine;
}

Operation random_operation(std::mt19937_64& random, const SmallMachine& machine) {
  const auto size = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  return {.name = "random",
          .n_tokens = size(one_of<std::int64_t>(random, {1, 5, 40})),
          .n_inputs = size(150),
          .n_outputs = size(70),
          .count = size(3),
          .pattern = machine.patterns[random() % machine.patterns.size()]};
}

TEST(ClosedForm, CountsWhatAWalkOverEveryPassOfRandomWorkloadsOnRandomMachinesCounts) {
  std::mt19937_64 random(2504);
  for (int trial = 0; trial < 400 && !testing::Test::HasFailure(); ++trial) {
    const SmallMachine machine = random_machine(random);
    Workload workload{.name = "random"};
    for (std::uint64_t i = 0; i < 1 + random() % 3; ++i)
      workload.operations.push_back(random_operation(random, machine));
    const auto made = machine.make();
    const Mapping mapping = made->map(workload).value();
    Walk walk(machine);
    std::string shapes;
    for (std::size_t i = 0; i < workload.operations.size(); ++i) {
      const Operation& operation = workload.operations[i];
      const Pattern native = machine.flexcim ? *native_pattern(operation, machine.patterns) : Pattern{};
      EXPECT_EQ(mapping.placements[i].pattern, native);
      walk.operation(operation, native);
      shapes += fmt::format("\n{} x ({} x {}) x {} tokens, {}", operation.count, operation.n_inputs,
                            operation.n_outputs, operation.n_tokens, native.name());
    }
    SCOPED_TRACE(machine.yaml() + shapes);
    expect_equal(machine, made->run(workload, mapping, Fidelity::kClosedForm), walk);
  }
}

Operation random_attention(std::mt19937_64& random) {
  const auto size = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  const bool along_inputs = random() % 2;
  const std::int64_t positions = size(random() % 2 ? 1 : 20), keys = positions + size(70) - 1, heads = size(5);
  return {.name = "attention",
          .kind = Operation::Kind::kAttention,
          .n_tokens = positions * size(3),
          .n_inputs = along_inputs ? keys : size(40),
          .n_outputs = along_inputs ? size(40) : keys,
          .count = heads * size(9),
          .independent = heads,
          .keys = {.along_inputs = along_inputs, .per_step = random() % 3 == 0 ? 0 : positions}};
}

std::vector<Operation> random_operations(std::mt19937_64& random, const SmallMachine& machine) {
  std::vector<Operation> operations;
  for (std::uint64_t i = 0; i < 1 + random() % 3; ++i) {
    operations.push_back(random_operation(random, machine));
    if (random() % 4 == 0) operations.push_back(random_attention(random));
  }
  return operations;
}

TEST(ClosedForm, TakesAsLongAsTheCycleModelOnRandomMachinesOfEveryKind) {
  std::mt19937_64 random(28);
  for (int trial = 0; trial < 2000 && !testing::Test::HasFailure(); ++trial) {
    SmallMachine machine = random_machine(random);
    machine.pair_select = one_of(random, kPairSelectNames);
    machine.columns_per_cycle = one_of<std::int64_t>(random, {1, 2, 4});
    machine.accumulators = one_of<std::string>(random, {"per_sub_macro", "shared"});
    machine.weights = one_of<std::string>(random, {"on_chip", "resident", "dram"});
    if (machine.weights != "resident") machine.attention = one_of<std::string>(random, {"digital", "macros"});
    const Workload workload{.name = "random", .operations = random_operations(random, machine)};
    const auto made = machine.make();
    const Mapping mapping = made->map(workload).value();
    const sparsecim::Run formula = made->run(workload, mapping, Fidelity::kClosedForm);
    const sparsecim::Run walked = made->run(workload, mapping, Fidelity::kCycle);
    SCOPED_TRACE(machine.yaml());
    EXPECT_EQ(formula.cycles, walked.cycles);
    EXPECT_EQ(formula.macro_use, walked.macro_use);
    for (std::size_t i = 0; i < workload.operations.size(); ++i) {
      const Operation& operation = workload.operations[i];
      EXPECT_EQ(formula.operations[i].cycles, walked.operations[i].cycles)
          << fmt::format("{} x ({} x {}) x {} tokens, {}", operation.count, operation.n_inputs, operation.n_outputs,
                         operation.n_tokens, operation.pattern.name());
      EXPECT_EQ(formula.operations[i].dram_wait_cycles, walked.operations[i].dram_wait_cycles);
    }
  }
}

TEST(ClosedForm, HidesLoadingBehindAttentionAsBehindAnythingElse) {
  const SmallMachine machine{32, 4, 4, 1, 1024, {{}}, true};
  const auto made = machine.make();
  const Operation one_token{.name = "up", .n_inputs = 32, .n_outputs = 4};
  const auto cycles = [&](std::vector<Operation> operations) {
    const Workload workload{.name = "w", .operations = std::move(operations)};
    return made->run(workload, made->map(workload).value(), Fidelity::kClosedForm).cycles;
  };
  const auto attention = [](std::int64_t macs) {
    return Operation{.name = "qk", .kind = Operation::Kind::kAttention, .n_tokens = macs};
  };
  const std::int64_t load = 32, fetch = 1, rest = 8 + 2;  // the fetch hides behind the loading
  EXPECT_EQ(cycles({one_token}), load + rest);
  EXPECT_EQ(cycles({one_token, one_token}), load + load + rest);  // the second tile is loaded while the first works
  // 16 products a cycle: attention that just fits behind the rest of the loading, and one cycle more.
  const std::int64_t hidden = 16 * (load - rest - fetch);
  EXPECT_EQ(cycles({one_token, attention(hidden), one_token}), load + load + rest);
  EXPECT_EQ(cycles({one_token, attention(hidden + 1), one_token}), load + load + rest + 1);
}

}  // namespace
}  // namespace sparsecim
