/// Storage of a column: a word per row, twice. One set is at work while the other is written, a word a cycle.
module flexcim_cells #(
  parameter int unsigned Rows    = 32,
  parameter int unsigned Bits    = 9,
  localparam int unsigned RowBits = $clog2(Rows)
) (
  input  logic                 clk_i,
  input  logic                 write_i,
  input  logic                 write_set_i,
  input  logic [RowBits-1:0]   write_row_i,
  input  logic [Bits-1:0]      word_i,
  input  logic                 set_i,   // at work
  output logic [Rows*Bits-1:0] words_o  // [rows] of it
);

  logic [Rows*Bits-1:0] set0_q, set1_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned row = 0; row < Rows; row = row + 1)
      if (write_i && write_row_i == RowBits'(row)) begin
        if (write_set_i) set1_q[row*Bits+:Bits] <= word_i;
        else set0_q[row*Bits+:Bits] <= word_i;
      end
  end

  assign words_o = set_i ? set1_q : set0_q;

endmodule
