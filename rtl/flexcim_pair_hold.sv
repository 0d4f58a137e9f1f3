/// Pair selection `shared_pairs`, of one group of columns: streams the pairs that its unit chose in the first plane on two
/// one-bit lines of every row, the sign as it comes, and keeps the bits behind it for the planes that follow.
module flexcim_pair_hold #(
  parameter int unsigned Rows    = 32,
  parameter int unsigned ActBits = 8
) (
  input  logic                      clk_i,
  input  logic                      valid_i,
  input  logic                      first_i,
  input  logic [Rows*2*ActBits-1:0] pairs_i,  // [rows][2]
  output logic [Rows*2-1:0]         pairs_o   // [rows][2]
);

  localparam int unsigned Lines = 2 * Rows;
  localparam int unsigned KeptBits = ActBits - 1;

  logic [Lines*KeptBits-1:0] words_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned line = 0; line < Lines; line = line + 1)
      if (valid_i)
        words_q[line*KeptBits+:KeptBits] <= first_i ? pairs_i[line*ActBits+:KeptBits]
                                                    : words_q[line*KeptBits+:KeptBits] << 1;
  end

  always_comb begin
    for (int unsigned line = 0; line < Lines; line = line + 1)
      pairs_o[line] = first_i ? pairs_i[line*ActBits+KeptBits] : words_q[line*KeptBits+KeptBits-1];
  end

endmodule
