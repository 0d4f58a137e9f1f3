/// Adds a column's sums of the sub-macros. Combinational.
module flexcim_merge #(
  parameter int unsigned SubMacros = 4,
  parameter int unsigned Bits      = 21,
  localparam int unsigned SumBits  = Bits + $clog2(SubMacros)
) (
  input  logic [SubMacros*Bits-1:0] sums_i,
  output logic [SumBits-1:0]        sum_o
);

  if (SubMacros == 1) begin : gen_one
    assign sum_o = sums_i;
  end else begin : gen_tree
    flexcim_adder_tree #(
      .Operands(SubMacros),
      .Bits    (Bits)
    ) i_tree (
      .operands_i(sums_i),
      .sum_o
    );
  end

endmodule
