/// A register that keeps its value unless told to load: the lines of a dense macro, merged sums.
module synth_register #(
  parameter int unsigned Bits = 1
) (
  input  logic            clk_i,
  input  logic            load_i,
  input  logic [Bits-1:0] value_i,
  output logic [Bits-1:0] value_o
);

  logic [Bits-1:0] value_q;

  always_ff @(posedge clk_i) if (load_i) value_q <= value_i;

  assign value_o = value_q;

endmodule
