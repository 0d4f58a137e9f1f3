/// Shift-accumulator: adds up the sums of bit planes, from the sign to bit 0.
module flexcim_accumulator #(
  parameter int unsigned SumBits  = 13,
  parameter int unsigned ActBits  = 8,
  localparam int unsigned AccBits = SumBits + ActBits
) (
  input  logic               clk_i,
  input  logic               valid_i,
  input  logic               first_i,   // the plane of the signs
  input  logic               second_i,  // the one behind it
  input  logic [SumBits-1:0] sum_i,
  output logic [AccBits-1:0] accumulator_o
);

  // The sign plane weighs -2^(ActBits-1): the plane behind it doubles the negative of what is there, with
  // -2 s = 2 not(s) + 1 + 1, where one 1 is shifted in and the other is the adder's carry in.
  logic [AccBits-1:0] accumulator_q;
  logic [AccBits-2:0] kept;  // doubled, it loses a copy of its sign

  assign kept = first_i ? '0 : accumulator_q[AccBits-2:0] ^ {AccBits - 1{second_i}};

  always_ff @(posedge clk_i)
    if (valid_i)
      accumulator_q <= {kept, second_i} + {{ActBits{sum_i[SumBits-1]}}, sum_i} + AccBits'(second_i);

  assign accumulator_o = accumulator_q;

endmodule
