#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/simulate.hpp"

namespace sparsecim {

/// The logic of one macro as a synthesis tool mapped it to gates, by component. Bit cells and SRAM are not in it.
struct SynthesisedMacro {
  struct Component {
    std::string name;             // as the machine's parts: "adder trees"
    double gate_equivalents = 0;  // areas of a NAND2, of all its instances in the macro
  };
  std::string name;     // "P = 4, bitserial_per_cell"
  std::string machine;  // the kind
  Json parameters;      // settings that the netlist was made for
  std::vector<Component> components;
};

/// What tools/synthesise writes (docs/formats/synthesis.md).
struct Synthesis {
  std::string tool, library;
  std::vector<SynthesisedMacro> macros;
};

/// Errors: another format; something missing, of another type, negative or too large; no macro, a macro or a component
/// that is there twice; a component that no machine has.
Result<Synthesis> synthesis_from_json(const Json& json);
/// Errors also: the file's; the path is in front of each.
Result<Synthesis> read_synthesis(const std::filesystem::path& path);

/// `description` with the synthesised areas in place of its own: every component that was synthesised consists of that
/// many NAND2. Energy per event, clock and schedule stay. Errors: no macro of this kind with these parameters, with
/// what the nearest one differs in.
Result<MachineDescription> with_synthesised_areas(const MachineDescription& description, const Synthesis& synthesis);

}  // namespace sparsecim
