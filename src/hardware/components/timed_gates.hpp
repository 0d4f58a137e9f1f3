#pragma once

#include <algorithm>
#include <cstdint>
#include <queue>
#include <random>
#include <vector>

#include "hardware/components/gates.hpp"

// For tests: adders gate by gate, with the delays and input capacitances of gates.hpp. The oracle of what adders
// switch.

namespace sparsecim {

/// NAND2 and XOR2 with inertial delay: a pulse shorter than a gate's delay does not pass it.
class TimedGates {
 public:
  using Net = int;

  Net net() {
    nets_.push_back({});
    return static_cast<Net>(nets_.size()) - 1;
  }
  /// A gate of group `group`, whose energies are added up together.
  Net nand_gate(Net a, Net b, int group) { return add({a, b, net(), group, false}); }
  Net xor_gate(Net a, Net b, int group) { return add({a, b, net(), group, true}); }

  struct FullAdder {
    Net sum, carry;
  };
  FullAdder full_adder(Net a, Net b, Net carry, int group) {
    const Net half = xor_gate(a, b, group);
    const Net sum = xor_gate(half, carry, group);
    return {sum, nand_gate(nand_gate(a, b, group), nand_gate(half, carry, group), group)};
  }

  /// Brings all nets to their values and starts counting.
  void start() {
    for (Gate& gate : gates_) nets_[at(gate.out)].value = evaluate(gate);
    std::ranges::fill(switched_ff_, 0);
  }
  bool value(Net net) const { return nets_[at(net)].value; }
  /// At time 0; settle() follows.
  void set(Net net, bool value) {
    if (nets_[at(net)].value != value) change(net, 0);
  }
  void settle() {
    while (!queue_.empty()) {
      const Pending next = queue_.top();
      queue_.pop();
      Gate& gate = gates_[next.gate];
      if (gate.pending != next.number) continue;  // taken back
      gate.pending = 0;
      change(gate.out, next.time_ps);
    }
  }
  /// Full-adder events of a group since start(): what its gates' inputs switched, in units of a full adder's inputs.
  double full_adder_events(int group) const { return switched_ff_[at(group)] / (3 + 2 * kXorCapacitance); }

 private:
  struct Wire {
    bool value = false;
    std::vector<std::size_t> drives;
  };
  struct Gate {
    Net a, b, out;
    int group;
    bool is_xor;
    std::uint64_t pending = 0;  // number of the change that is on its way; 0: none
  };
  struct Pending {
    double time_ps;
    std::uint64_t number;
    std::size_t gate;
    bool operator>(const Pending& other) const { return time_ps > other.time_ps; }
  };
  static std::size_t at(int index) { return static_cast<std::size_t>(index); }

  Net add(Gate gate) {
    for (const Net input : {gate.a, gate.b}) nets_[at(input)].drives.push_back(gates_.size());
    switched_ff_.resize(std::max(switched_ff_.size(), at(gate.group) + 1));
    gates_.push_back(gate);
    return gate.out;
  }
  bool evaluate(const Gate& gate) const {
    const bool a = value(gate.a), b = value(gate.b);
    return gate.is_xor ? a != b : !(a && b);
  }
  void change(Net net, double time_ps) {
    nets_[at(net)].value = !nets_[at(net)].value;
    for (const std::size_t index : nets_[at(net)].drives) {
      Gate& gate = gates_[index];
      switched_ff_[at(gate.group)] += (gate.is_xor ? kXorCapacitance : 1) / 2;  // one of two inputs, in NAND2 loads
      const bool settled = evaluate(gate) == value(gate.out);
      if (settled == (gate.pending == 0)) continue;
      gate.pending = settled ? 0 : ++number_;
      const double delay_ps = kNand2_ps * (gate.is_xor ? kXorDelay : 1);
      if (!settled) queue_.push({time_ps + delay_ps, number_, index});
    }
  }

  std::vector<Wire> nets_;
  std::vector<Gate> gates_;
  std::vector<double> switched_ff_;  // by group, in NAND2 loads
  std::priority_queue<Pending, std::vector<Pending>, std::greater<>> queue_;
  std::uint64_t number_ = 0;
};

/// A tree of ripple-carry adders of two's complement operands; the gates of level l are group l.
struct TimedTree {
  std::vector<std::vector<TimedGates::Net>> inputs;  // bits of each, least significant first
  std::vector<TimedGates::Net> result;
  int levels = 0;

  TimedTree(TimedGates& gates, std::size_t n_inputs, int bits, bool two_s_complement = true) {
    inputs.resize(n_inputs);
    for (auto& input : inputs)
      for (int bit = 0; bit < bits; ++bit) input.push_back(gates.net());
    const TimedGates::Net zero = gates.net();
    auto operands = inputs;
    while (operands.size() > 1) {
      ++levels;
      for (std::size_t i = 0; i < operands.size() / 2; ++i)
        operands[i] = add(gates, operands[2 * i], operands[2 * i + 1], zero, two_s_complement);
      operands.resize(operands.size() / 2);
    }
    result = operands.front();
  }

 private:
  std::vector<TimedGates::Net> add(TimedGates& gates, const std::vector<TimedGates::Net>& a,
                                   const std::vector<TimedGates::Net>& b, TimedGates::Net carry,
                                   bool two_s_complement) const {
    std::vector<TimedGates::Net> sum;
    for (std::size_t bit = 0; bit < a.size(); ++bit) {
      const auto adder = gates.full_adder(a[bit], b[bit], carry, levels);
      sum.push_back(adder.sum);
      carry = adder.carry;
    }
    // The further bit of a sum: its carry, or the sum of the signs.
    sum.push_back(two_s_complement ? gates.xor_gate(gates.xor_gate(a.back(), b.back(), 0), carry, 0) : carry);
    return sum;
  }
};

}  // namespace sparsecim
