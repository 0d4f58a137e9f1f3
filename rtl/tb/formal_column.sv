/// Proof: whatever the columns of the sub-macros hold and whatever their inputs are, bit planes from the sign on leave the
/// integer dot product in the column's sum, while the other set of cells is written. So with an accumulator in every
/// sub-macro, and with one behind the merging of planes.
module formal_column #(
  parameter int unsigned SubMacros  = 1,
  parameter int unsigned Rows       = 2,  // of a sub-macro
  parameter int unsigned WeightBits = 4,
  parameter int unsigned ActBits    = 4,
  parameter bit          Latched    = 1'b0,
  parameter bit          Shared     = 1'b0,
  localparam int unsigned AllRows   = SubMacros * Rows,
  localparam int unsigned LineBits  = Latched ? ActBits : 1,
  localparam int unsigned RowBits   = $clog2(Rows),
  localparam int unsigned CountBits = $clog2(AllRows + 1),
  localparam int unsigned TreeBits  = WeightBits + RowBits,
  localparam int unsigned SumBits   = WeightBits + ActBits + $clog2(AllRows),
  localparam int unsigned Cycles    = $clog2(ActBits + 4)
) (
  input logic                          clk_i,
  input logic                          write_i,
  input logic [RowBits-1:0]            write_row_i,
  input logic [WeightBits-1:0]         weight_i,
  input logic                          isel_i,
  input logic [AllRows*2*LineBits-1:0] later_i
);

  (* anyconst *) logic [AllRows*WeightBits-1:0] weights;
  (* anyconst *) logic [AllRows-1:0]            isel;
  (* anyconst *) logic [AllRows*2*ActBits-1:0]  inputs;  // [sub_macros][rows][2]

  // First the rows are written into set 1, then it works while anything is written into set 0.
  logic [CountBits-1:0] written_q = '0;
  logic [Cycles-1:0]    plane_q   = '0;  // and the cycles behind the last one
  logic loading, valid;

  assign loading = 32'(written_q) < AllRows;
  assign valid = !loading && 32'(plane_q) < ActBits;

  // The accumulators add a plane in its own cycle, or behind a register; then comes the entry, and the merged sum, if any.
  localparam int unsigned AddedAfter = Shared ? 1 : 0;
  localparam int unsigned DoneAfter = ActBits + AddedAfter + 1 + (SubMacros > 1 && !Shared ? 1 : 0);
  logic add, done;
  assign add = !loading && 32'(plane_q) >= AddedAfter && 32'(plane_q) < ActBits + AddedAfter;
  assign done = 32'(plane_q) == DoneAfter;

  always_ff @(posedge clk_i) begin
    if (loading) written_q <= written_q + 1'b1;
    else if (!done) plane_q <= plane_q + 1'b1;
  end

  logic [AllRows*2*LineBits-1:0] pairs;
  always_comb begin
    pairs = later_i;
    for (int unsigned line = 0; line < 2 * AllRows; line = line + 1) begin
      if (!Latched) pairs[line*LineBits] = inputs[line*ActBits+(ActBits-1-32'(plane_q))];
      else if (plane_q == '0) pairs[line*LineBits+:LineBits] = LineBits'(inputs[line*ActBits+:ActBits]);
    end
  end

  logic [SubMacros*TreeBits-1:0] planes;

  for (genvar sub_macro = 0; sub_macro < SubMacros; sub_macro++) begin : gen_sub_macro
    logic write_here;
    assign write_here = 32'(written_q) / Rows == sub_macro;
    flexcim_cell_column #(
      .Rows      (Rows),
      .WeightBits(WeightBits),
      .ActBits   (ActBits),
      .Latched   (Latched)
    ) i_column (
      .clk_i,
      .write_i    (loading ? write_here : write_i),
      .write_set_i(loading),
      .write_row_i(loading ? written_q[RowBits-1:0] : write_row_i),
      .weight_i   (loading ? weights[written_q*WeightBits+:WeightBits] : weight_i),
      .isel_i     (loading ? isel[written_q] : isel_i),
      .set_i      (!loading),
      .valid_i    (valid),
      .first_i    (plane_q == '0),
      .pairs_i    (pairs[sub_macro*Rows*2*LineBits+:Rows*2*LineBits]),
      .sum_o      (planes[sub_macro*TreeBits+:TreeBits])
    );
  end

  logic [SumBits-1:0] sum;

  flexcim_column_sums #(
    .SubMacros(SubMacros),
    .TreeBits (TreeBits),
    .ActBits  (ActBits),
    .Entries  (1),
    .Shared   (Shared)
  ) i_sums (
    .clk_i,
    .planes_i     (planes),
    .add_i        (add),
    .add_first_i  (32'(plane_q) == AddedAfter),
    .add_second_i (32'(plane_q) == AddedAfter + 1),
    .write_i      (32'(plane_q) == ActBits + AddedAfter),
    .write_entry_i('0),
    .read_entry_i ('0),
    .take_i       (32'(plane_q) == ActBits + AddedAfter + 1),
    .sum_o        (sum)
  );

  logic signed [SumBits-1:0] product, weight, act;
  logic [ActBits-1:0] chosen;
  always_comb begin
    product = '0;
    weight = '0;
    act = '0;
    chosen = '0;
    for (int unsigned row = 0; row < AllRows; row = row + 1) begin
      chosen = isel[row] ? inputs[(2*row+1)*ActBits+:ActBits] : inputs[2*row*ActBits+:ActBits];
      weight = {{(SumBits - WeightBits) {weights[(row+1)*WeightBits-1]}}, weights[row*WeightBits+:WeightBits]};
      act = {{(SumBits - ActBits) {chosen[ActBits-1]}}, chosen};
      product = product + weight * act;
    end
  end

  always_ff @(posedge clk_i) if (done) assert (sum == product);

endmodule
