/// Proof: whatever a column holds and whatever its inputs are, bit planes from the sign on leave the integer dot product in
/// its accumulator, while the other set of cells is written.
module formal_column #(
  parameter int unsigned Rows       = 2,
  parameter int unsigned WeightBits = 4,
  parameter int unsigned ActBits    = 4,
  parameter bit          Latched    = 1'b0,
  localparam int unsigned LineBits  = Latched ? ActBits : 1,
  localparam int unsigned RowBits   = $clog2(Rows),
  localparam int unsigned AccBits   = WeightBits + ActBits + $clog2(Rows),
  localparam int unsigned Planes    = $clog2(ActBits + 1)
) (
  input logic                       clk_i,
  input logic                       write_i,
  input logic [RowBits-1:0]         write_row_i,
  input logic [WeightBits-1:0]      weight_i,
  input logic                       isel_i,
  input logic [Rows*2*LineBits-1:0] later_i
);

  (* anyconst *) logic [Rows*WeightBits-1:0] weights;
  (* anyconst *) logic [Rows-1:0]            isel;
  (* anyconst *) logic [Rows*2*ActBits-1:0]  inputs;  // [rows][2]

  // First the rows are written into set 1, then it works while anything is written into set 0.
  logic [RowBits:0]  written_q = '0;
  logic [Planes-1:0] plane_q   = '0;
  logic loading, valid;

  assign loading = 32'(written_q) < Rows;
  assign valid = !loading && 32'(plane_q) < ActBits;

  always_ff @(posedge clk_i) begin
    if (loading) written_q <= written_q + 1'b1;
    if (valid) plane_q <= plane_q + 1'b1;
  end

  logic [Rows*2*LineBits-1:0] pairs;
  always_comb begin
    pairs = later_i;
    for (int unsigned line = 0; line < 2 * Rows; line = line + 1) begin
      if (!Latched) pairs[line*LineBits] = inputs[line*ActBits+(ActBits-1-32'(plane_q))];
      else if (plane_q == '0) pairs[line*LineBits+:LineBits] = LineBits'(inputs[line*ActBits+:ActBits]);
    end
  end

  logic [AccBits-1:0] accumulator;

  flexcim_cell_column #(
    .Rows      (Rows),
    .WeightBits(WeightBits),
    .ActBits   (ActBits),
    .Latched   (Latched)
  ) i_column (
    .clk_i,
    .write_i      (loading || write_i),
    .write_set_i  (loading),
    .write_row_i  (loading ? written_q[RowBits-1:0] : write_row_i),
    .weight_i     (loading ? weights[written_q[RowBits-1:0]*WeightBits+:WeightBits] : weight_i),
    .isel_i       (loading ? isel[written_q[RowBits-1:0]] : isel_i),
    .set_i        (!loading),
    .valid_i      (valid),
    .first_i      (plane_q == '0),
    .second_i     (plane_q == Planes'(1)),
    .pairs_i      (pairs),
    .accumulator_o(accumulator)
  );

  logic signed [AccBits-1:0] product, weight, act;
  logic [ActBits-1:0] chosen;
  always_comb begin
    product = '0;
    weight = '0;
    act = '0;
    chosen = '0;
    for (int unsigned row = 0; row < Rows; row = row + 1) begin
      chosen = isel[row] ? inputs[(2*row+1)*ActBits+:ActBits] : inputs[2*row*ActBits+:ActBits];
      weight = {{(AccBits - WeightBits) {weights[(row+1)*WeightBits-1]}}, weights[row*WeightBits+:WeightBits]};
      act = {{(AccBits - ActBits) {chosen[ActBits-1]}}, chosen};
      product = product + weight * act;
    end
  end

  always_ff @(posedge clk_i) if (32'(plane_q) == ActBits) assert (accumulator == product);

endmodule
