/// A flexcim_cell_column and an accumulator of which synthesis leaves only a part, so that tools/synthesise can tell their
/// parts from each other: Lines = 2 is all of it, 1 has no choice between the inputs of a pair (a dense macro's column), 0 has
/// no inputs at all, which leaves the accumulator. That is there since mapping saves area where paths are shorter than the
/// longest, as those of the cells are. Cells and adder tree are pieces of their own.
module synth_column #(
  parameter int unsigned Rows       = 32,
  parameter int unsigned WeightBits = 8,
  parameter int unsigned ActBits    = 8,
  parameter bit          Latched    = 1'b0,
  parameter int unsigned Lines      = 2,
  localparam int unsigned LineBits  = Latched ? ActBits : 1,
  localparam int unsigned RowBits   = $clog2(Rows),
  localparam int unsigned TreeBits  = WeightBits + RowBits,
  localparam int unsigned AccBits   = TreeBits + ActBits
) (
  input  logic                       clk_i,
  input  logic                       write_i,
  input  logic                       write_set_i,
  input  logic [RowBits-1:0]         write_row_i,
  input  logic [WeightBits-1:0]      weight_i,
  input  logic                       isel_i,
  input  logic                       set_i,
  input  logic                       valid_i,
  input  logic                       first_i,
  input  logic                       second_i,
  input  logic [Rows*2*LineBits-1:0] pairs_i,
  output logic [AccBits-1:0]         accumulator_o
);

  logic [Rows*2*LineBits-1:0] pairs;

  always_comb begin
    for (int unsigned row = 0; row < Rows; row = row + 1) begin
      pairs[2*row*LineBits+:LineBits]     = Lines == 0 ? '0 : pairs_i[2*row*LineBits+:LineBits];
      pairs[(2*row+1)*LineBits+:LineBits] = Lines == 2 ? pairs_i[(2*row+1)*LineBits+:LineBits]
                                                       : pairs[2*row*LineBits+:LineBits];
    end
  end

  logic [TreeBits-1:0] sum;

  flexcim_cell_column #(
    .Rows      (Rows),
    .WeightBits(WeightBits),
    .ActBits   (ActBits),
    .Latched   (Latched)
  ) i_column (
    .clk_i,
    .write_i,
    .write_set_i,
    .write_row_i,
    .weight_i,
    .isel_i,
    .set_i,
    .valid_i,
    .first_i,
    .pairs_i(pairs),
    .sum_o  (sum)
  );

  flexcim_accumulator #(
    .SumBits(TreeBits),
    .ActBits(ActBits)
  ) i_accumulator (
    .clk_i,
    .valid_i,
    .first_i,
    .second_i,
    .sum_i(sum),
    .accumulator_o
  );

endmodule
