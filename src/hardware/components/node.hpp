#pragma once

#include "hardware/components/cost.hpp"

// How costs move between technology nodes: Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS
// device performance from 180 nm to 7 nm", Integration 58 (2017), tables of area factors and of the polynomial
// coefficients of energy. Nodes between two of the tables are interpolated linearly in nanometres, by one rule for
// area, for the coefficients and for the supply.

namespace sparsecim {

inline constexpr double kSmallestNode_nm = 7, kLargestNode_nm = 130;

/// The supply of a node: 1.3 V at 130 nm to 0.7 V at 7 nm; 0.9 V at 28 nm. REQUIRES here and below:
/// kSmallestNode_nm <= node_nm <= kLargestNode_nm.
double nominal_vdd_v(double node_nm);

/// Area of logic at `to_nm` over its area at `from_nm`. area_factor(a, b) * area_factor(b, c) == area_factor(a, c).
double area_factor(double from_nm, double to_nm);

/// Area of an SRAM cell (um2) by the table of published cells, and its factor between nodes.
double sram_cell_um2(double node_nm);

/// Energy at `to_nm` and its nominal supply over energy at `from_nm` and `from_vdd_v`. A supply other than the node's
/// own is brought to it by V^2 first.
double energy_factor(double from_nm, double from_vdd_v, double to_nm);

/// Delay scales with the node.
double delay_factor(double from_nm, double to_nm);

/// The costs of one event or one instance of `cost` at `node_nm`.
Band energy_fj_at(const Cost& cost, double node_nm);
Band area_um2_at(const Cost& cost, double node_nm);
/// The cost's own figure, or that of logic of its area; scales as energy does.
Band leakage_pw_at(const Cost& cost, double node_nm);
Band delay_ps_at(const Delay& delay, double node_nm);

}  // namespace sparsecim
