/// Pair selection by planes, of one column or of a group of them: a row's M one-bit lines carry a plane of its block, and
/// pair bits take two of them; a word's isel then takes one. Combinational.
module flexcim_line_mux #(
  parameter int unsigned Rows      = 32,
  parameter int unsigned MaxM      = 8,
  localparam int unsigned PairBits = flexcim_pkg::at_least_one($clog2(MaxM / 2))
) (
  input  logic [Rows*MaxM-1:0]     lines_i,  // [rows][MaxM]
  input  logic [Rows*PairBits-1:0] pairs_i,  // [rows]
  output logic [Rows*2-1:0]        pairs_o   // [rows][2]
);

  always_comb begin
    pairs_o = '0;
    for (int unsigned row = 0; row < Rows; row = row + 1)
      for (int unsigned pair = 0; pair < MaxM / 2; pair = pair + 1)
        if (pairs_i[row*PairBits+:PairBits] == PairBits'(pair))
          pairs_o[2*row+:2] = pairs_o[2*row+:2] | lines_i[row*MaxM+2*pair+:2];
  end

endmodule
