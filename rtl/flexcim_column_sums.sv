/// From the sums of bit planes that the trees of a column's sub-macros give to the sum of a pass. Either every sub-macro
/// has an accumulator and entries of its own, and a merging tree adds up what is in the entries, behind its own register;
/// or (Shared) the merging tree adds up the planes, which a register behind each sub-macro's tree keeps for a cycle, so that
/// the column needs one accumulator and one set of entries.
module flexcim_column_sums #(
  parameter int unsigned SubMacros  = 4,
  parameter int unsigned TreeBits   = 13,
  parameter int unsigned ActBits    = 8,
  parameter int unsigned Entries    = 3,
  parameter bit          Shared     = 1'b0,  // only with several sub-macros
  localparam int unsigned EntryBits = flexcim_pkg::at_least_one($clog2(Entries)),
  localparam int unsigned SumBits   = TreeBits + $clog2(SubMacros) + ActBits
) (
  input  logic                          clk_i,
  input  logic [SubMacros*TreeBits-1:0] planes_i,
  // What the accumulators take: with Shared, the planes of the cycle before.
  input  logic                          add_i,
  input  logic                          add_first_i,   // of the signs
  input  logic                          add_second_i,  // the one behind it
  // Finished sums.
  input  logic                          write_i,
  input  logic [EntryBits-1:0]          write_entry_i,
  input  logic [EntryBits-1:0]          read_entry_i,
  input  logic                          take_i,        // the entries, into the merged sum
  output logic [SumBits-1:0]            sum_o
);

  localparam int unsigned Accumulators = Shared ? 1 : SubMacros;
  localparam int unsigned AddedBits = Shared ? TreeBits + $clog2(SubMacros) : TreeBits;
  localparam int unsigned AccBits = AddedBits + ActBits;

  logic [Accumulators*AddedBits-1:0] added;
  logic [Accumulators*AccBits-1:0] sums;

  for (genvar i = 0; i < Accumulators; i++) begin : gen_accumulator
    logic [AccBits-1:0] accumulator;
    flexcim_accumulator #(
      .SumBits(AddedBits),
      .ActBits(ActBits)
    ) i_accumulator (
      .clk_i,
      .valid_i      (add_i),
      .first_i      (add_first_i),
      .second_i     (add_second_i),
      .sum_i        (added[i*AddedBits+:AddedBits]),
      .accumulator_o(accumulator)
    );
    flexcim_partial_sums #(
      .Entries(Entries),
      .Bits   (AccBits)
    ) i_entries (
      .clk_i,
      .write_i,
      .write_entry_i,
      .sum_i(accumulator),
      .read_entry_i,
      .sum_o(sums[i*AccBits+:AccBits])
    );
  end

  if (Shared) begin : gen_shared
    logic [SubMacros*TreeBits-1:0] planes_q;
    always_ff @(posedge clk_i) planes_q <= planes_i;
    flexcim_merge #(
      .SubMacros(SubMacros),
      .Bits     (TreeBits)
    ) i_merge (
      .sums_i(planes_q),
      .sum_o (added)
    );
    assign sum_o = sums;
    logic unused;
    assign unused = &{1'b0, take_i};
  end else begin : gen_own
    logic [SumBits-1:0] merged;
    assign added = planes_i;
    flexcim_merge #(
      .SubMacros(SubMacros),
      .Bits     (AccBits)
    ) i_merge (
      .sums_i(sums),
      .sum_o (merged)
    );
    if (SubMacros > 1) begin : gen_register
      logic [SumBits-1:0] merged_q;
      always_ff @(posedge clk_i) if (take_i) merged_q <= merged;
      assign sum_o = merged_q;
    end else begin : gen_entry
      assign sum_o = merged;
      logic unused;
      assign unused = &{1'b0, take_i};
    end
  end

endmodule
