#include "hardware/pricing.hpp"

#include <algorithm>

#include "hardware/components/node.hpp"
#include "hardware/timing.hpp"

namespace sparsecim {
namespace {

PricedPart price_part(const Part& part, double copies, double node_nm, bool in_macro) {
  const double instances = part.instances * copies;
  return {std::string(part.component),
          part.cost,
          instances,
          area_um2_at(*part.cost, node_nm) * instances,
          leakage_pw_at(*part.cost, node_nm) * instances,
          in_macro};
}

}  // namespace

std::vector<PricedEvent> price(const std::vector<Event>& events, double node_nm) {
  std::vector<PricedEvent> priced;
  for (const Event& event : events) {
    if (event.count == 0) continue;
    const Band each_fj = energy_fj_at(*event.cost, node_nm);
    priced.push_back({std::string(event.component), event.cost, event.count, each_fj, each_fj * (event.count / 1000)});
  }
  return priced;
}

PricedInventory price(const Inventory& inventory) {
  PricedInventory priced;
  const auto macros = static_cast<double>(inventory.macros);
  for (const Part& part : inventory.macro_parts) {
    if (part.instances == 0) continue;
    priced.parts.push_back(price_part(part, macros, inventory.node_nm, true));
    priced.macro_area_um2 += priced.parts.back().area_um2 * (1 / macros);
  }
  for (const Part& part : inventory.system_parts)
    if (part.instances > 0) priced.parts.push_back(price_part(part, 1, inventory.node_nm, false));
  for (const PricedPart& part : priced.parts) {
    priced.area_um2 += part.area_um2;
    priced.leakage_pw += part.leakage_pw;
  }
  const Path& longest = longest_path(inventory.paths, inventory.node_nm);
  priced.clock_ns = path_ns(longest, inventory.node_nm);
  priced.critical_path = longest;
  return priced;
}

}  // namespace sparsecim
