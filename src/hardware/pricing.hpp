#pragma once

#include <string>
#include <vector>

#include "hardware/machine.hpp"

namespace sparsecim {

/// What one kind of event in one component came to: count * each_fj.
struct PricedEvent {
  std::string component;
  const Cost* cost;
  double count;
  Band each_fj;  // at the machine's node
  Band energy_pj;
};

/// What one kind of part came to, over the whole chip.
struct PricedPart {
  std::string component;
  const Cost* cost;
  double instances;
  Band area_um2;
  Band leakage_pw;
  bool in_macro;
};

struct PricedInventory {
  std::vector<PricedPart> parts;
  Band area_um2, macro_area_um2;  // the whole chip; one macro with its buffers
  Band leakage_pw;
  Band clock_ns;
  Path critical_path;
};

/// The one place where events and parts meet the price list.
std::vector<PricedEvent> price(const std::vector<Event>& events, double node_nm);
PricedInventory price(const Inventory& inventory);

}  // namespace sparsecim
