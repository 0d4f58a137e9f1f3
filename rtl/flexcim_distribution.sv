/// A distribution unit of a sub-macro's rows: puts a pair of the row's block, as whole words, on the two lines of every
/// row. It takes turns between its clients (columns, or groups of them), whose pair bits choose. Combinational.
module flexcim_distribution #(
  parameter int unsigned Rows      = 32,
  parameter int unsigned MaxM      = 8,
  parameter int unsigned ActBits   = 8,
  parameter int unsigned Clients   = 8,
  localparam int unsigned PairBits = flexcim_pkg::at_least_one($clog2(MaxM / 2))
) (
  input  logic [Rows*MaxM*ActBits-1:0]     blocks_i,  // [rows][MaxM]
  input  logic [Clients*Rows*PairBits-1:0] pairs_i,   // [clients][rows]
  input  logic [Clients-1:0]               serve_i,   // all at once where no pair is chosen, and all pair bits are 0
  output logic [Rows*2*ActBits-1:0]        pairs_o    // [rows][2]
);

  logic [Rows*PairBits-1:0] chosen;

  always_comb begin
    chosen = '0;
    for (int unsigned client = 0; client < Clients; client = client + 1)
      if (serve_i[client]) chosen = chosen | pairs_i[client*Rows*PairBits+:Rows*PairBits];
  end

  always_comb begin
    pairs_o = '0;
    for (int unsigned row = 0; row < Rows; row = row + 1)
      for (int unsigned pair = 0; pair < MaxM / 2; pair = pair + 1)
        if (chosen[row*PairBits+:PairBits] == PairBits'(pair))
          pairs_o[2*row*ActBits+:2*ActBits] =
              pairs_o[2*row*ActBits+:2*ActBits] | blocks_i[(row*MaxM+2*pair)*ActBits+:2*ActBits];
  end

endmodule
