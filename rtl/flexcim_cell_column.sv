/// A column of a sub-macro: its words, their multiplication with one bit of their inputs, and the adder tree, which gives
/// the sum of a bit plane.
///
/// Every row brings a pair of inputs, of which the word's `isel` takes one: as one bit of each (Latched = 0), or as whole
/// words in the first plane (Latched = 1), which the cell keeps and shifts out in the planes that follow.
module flexcim_cell_column #(
  parameter int unsigned Rows       = 32,
  parameter int unsigned WeightBits = 8,
  parameter int unsigned ActBits    = 8,
  parameter bit          Latched    = 1'b0,
  localparam int unsigned LineBits  = Latched ? ActBits : 1,
  localparam int unsigned RowBits   = $clog2(Rows),
  localparam int unsigned TreeBits  = WeightBits + $clog2(Rows)
) (
  input  logic                       clk_i,
  // A word for the set of cells that is not at work.
  input  logic                       write_i,
  input  logic                       write_set_i,
  input  logic [RowBits-1:0]         write_row_i,
  input  logic [WeightBits-1:0]      weight_i,
  input  logic                       isel_i,
  input  logic                       set_i,
  // A bit plane.
  input  logic                       valid_i,
  input  logic                       first_i,  // of the signs
  input  logic [Rows*2*LineBits-1:0] pairs_i,  // [rows][2]
  output logic [TreeBits-1:0]        sum_o
);

  localparam int unsigned WordBits = WeightBits + 1;

  logic [Rows*WordBits-1:0]   words;
  logic [Rows*LineBits-1:0]   chosen;
  logic [Rows-1:0]            bits;
  logic [Rows*WeightBits-1:0] products;

  flexcim_cells #(
    .Rows(Rows),
    .Bits(WordBits)
  ) i_cells (
    .clk_i,
    .write_i,
    .write_set_i,
    .write_row_i,
    .word_i ({isel_i, weight_i}),
    .set_i,
    .words_o(words)
  );

  always_comb begin
    for (int unsigned row = 0; row < Rows; row = row + 1)
      chosen[row*LineBits+:LineBits] = words[row*WordBits+WeightBits] ? pairs_i[(2*row+1)*LineBits+:LineBits]
                                                                      : pairs_i[2*row*LineBits+:LineBits];
  end

  if (Latched) begin : gen_latches
    // The sign is multiplied as it comes, so that only the bits behind it are kept.
    localparam int unsigned KeptBits = ActBits - 1;
    logic [Rows*KeptBits-1:0] operands_q;
    always_ff @(posedge clk_i) begin
      for (int unsigned row = 0; row < Rows; row = row + 1)
        if (valid_i)
          operands_q[row*KeptBits+:KeptBits] <= first_i ? chosen[row*ActBits+:KeptBits]
                                                        : operands_q[row*KeptBits+:KeptBits] << 1;
    end
    always_comb begin
      for (int unsigned row = 0; row < Rows; row = row + 1)
        bits[row] = first_i ? chosen[row*ActBits+KeptBits] : operands_q[row*KeptBits+KeptBits-1];
    end
  end else begin : gen_lines
    assign bits = chosen;
    logic unused;
    assign unused = &{1'b0, valid_i, first_i};
  end

  always_comb begin
    for (int unsigned row = 0; row < Rows; row = row + 1)
      products[row*WeightBits+:WeightBits] = words[row*WordBits+:WeightBits] & {WeightBits{bits[row]}};
  end

  flexcim_adder_tree #(
    .Operands(Rows),
    .Bits    (WeightBits)
  ) i_tree (
    .operands_i(products),
    .sum_o
  );

endmodule
