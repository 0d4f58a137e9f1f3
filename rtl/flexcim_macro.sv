/// A FlexCiM macro (arXiv 2504.14365): a grid of SubMacros x Rows/SubMacros row positions x Columns words. It takes tiles
/// of N:M sparse weights, a row a cycle, and inputs, a word of the activation buffer's port a cycle, and gives the sums of
/// a pass, one per column. docs/rtl.md has its ports, registers and timing; docs/flexcim.md what lies where.
module flexcim_macro #(
  parameter int unsigned Rows            = 128,  // a power of two
  parameter int unsigned Columns         = 32,
  parameter int unsigned SubMacros       = 4,    // P, a power of two up to Rows/2
  parameter int unsigned MaxM            = 8,    // largest M, a power of two from 2 to 2 P
  parameter int unsigned PairSelect      = flexcim_pkg::BitserialPerCell,
  parameter int unsigned ColumnsPerCycle = 1,    // k, of ColumnPipelined; of SharedPairs: groups per cycle
  parameter int unsigned ColumnsPerGroup = 32,   // G, of SharedPairs and BitserialPerGroup; divides Columns
  parameter bit          SharedAccumulators = 1'b0, // one to a column, behind the merging tree
  parameter bit          AnyN            = 1'b0, // blocks follow each other without gaps; only where planes are fetched
  parameter int unsigned WeightBits      = 8,
  parameter int unsigned ActBits         = 8,
  parameter int unsigned PortBits        = 1024, // of the activation buffer; whole inputs, where words are fetched
  parameter int unsigned Entries         = 3,    // partial sums behind each accumulator
  localparam bit          ByPlane        = flexcim_pkg::by_plane(PairSelect),
  localparam bit          Shared         = flexcim_pkg::shares_pairs(PairSelect),
  localparam int unsigned RowPositions   = Rows / SubMacros,
  localparam int unsigned Groups         = Shared ? Columns / ColumnsPerGroup : Columns,  // with pair bits of their own
  localparam int unsigned PairBits       = flexcim_pkg::at_least_one($clog2(MaxM / 2)),
  localparam int unsigned NBits          = $clog2(2 * SubMacros + 1),
  localparam int unsigned MBits          = $clog2($clog2(MaxM) + 1),
  localparam int unsigned Width          = ByPlane ? 1 : ActBits,
  localparam int unsigned LineBits       = Rows * MaxM * Width,
  localparam int unsigned MaxWords       = flexcim_pkg::divide_up(LineBits, PortBits),
  localparam int unsigned WordBits       = $clog2(MaxWords + 1),
  localparam int unsigned SumBits        = WeightBits + $clog2(Rows) + ActBits
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,           // synchronous
  // Weights: rows 0 .. Rows-1 of a tile, sub-macro after sub-macro.
  input  logic                          load_valid_i,
  output logic                          load_ready_o,
  input  logic [Columns*WeightBits-1:0] load_weights_i,
  input  logic [Columns-1:0]            load_isel_i,
  input  logic [Groups*PairBits-1:0]    load_pairs_i,
  // Inputs: the words of a pass. What stands beside them holds for all words of the pass.
  input  logic                          iact_valid_i,
  output logic                          iact_ready_o,
  input  logic [PortBits-1:0]           iact_word_i,
  input  logic [WordBits-1:0]           iact_words_i,     // of a plane, where planes are fetched, or of the pass
  input  logic                          iact_switch_i,    // the pass is the first through the tile loaded last
  input  logic [NBits-1:0]              iact_mode_n_i,    // N; dense is 1:1
  input  logic [MBits-1:0]              iact_mode_log_m_i, // log2(M)
  output logic                          pass_start_o,     // its first plane is multiplied in the next cycle
  // Sums: a pass's, in the order of the passes.
  output logic                          sum_valid_o,
  input  logic                          sum_ready_i,
  output logic [Columns*SumBits-1:0]    sums_o
);

  localparam int unsigned RowBits = $clog2(Rows);
  localparam int unsigned PositionBits = $clog2(RowPositions);
  localparam int unsigned PlaneBits = $clog2(ActBits);
  localparam int unsigned EntryBits = flexcim_pkg::at_least_one($clog2(Entries));
  // Cycles in which units serve all their columns (or groups), one after the other.
  localparam bit HasUnits = PairSelect == flexcim_pkg::SharedPairs || PairSelect == flexcim_pkg::ColumnPipelined;
  localparam int unsigned Slots = HasUnits ? flexcim_pkg::divide_up(Groups, ColumnsPerCycle) : 1;
  localparam bit OneAccumulator = SharedAccumulators && SubMacros > 1;
  localparam int unsigned TreeBits = WeightBits + PositionBits;

  logic write, full, switch_sets, set_at_work;
  logic [RowBits-1:0] write_row;

  flexcim_load_control #(
    .Rows(Rows)
  ) i_load_control (
    .clk_i,
    .rst_ni,
    .load_valid_i,
    .load_ready_o,
    .write_o    (write),
    .write_row_o(write_row),
    .full_o     (full),
    .switch_i   (switch_sets),
    .set_o      (set_at_work)
  );

  logic skewed, credit, gather, finish, start;
  logic [WordBits-1:0] index;

  // Only blocks of more than one pair leave a choice.
  assign skewed = (iact_mode_log_m_i >> 1) != '0;

  flexcim_fetch_control #(
    .ByPlane   (ByPlane),
    .ActBits   (ActBits),
    .MaxWords  (MaxWords),
    .PairCycles(Slots)
  ) i_fetch_control (
    .clk_i,
    .rst_ni,
    .iact_valid_i,
    .iact_ready_o,
    .iact_switch_i,
    .iact_words_i,
    .skewed_i(skewed),
    .full_i  (full),
    .credit_i(credit),
    .index_o (index),
    .gather_o(gather),
    .finish_o(finish),
    .start_o (start),
    .switch_o(switch_sets)
  );

  assign pass_start_o = start;

  logic [LineBits-1:0] lines;

  flexcim_iact_buffer #(
    .SubMacros   (SubMacros),
    .RowPositions(RowPositions),
    .MaxM        (MaxM),
    .Width       (Width),
    .PortBits    (PortBits),
    .AnyN        (AnyN)
  ) i_iact_buffer (
    .clk_i,
    .mode_n_i    (iact_mode_n_i),
    .mode_log_m_i(iact_mode_log_m_i),
    .word_i      (iact_word_i),
    .index_i     (index),
    .gather_i    (gather),
    .finish_i    (finish),
    .lines_o     (lines)
  );

  logic [Slots-1:0] valid, first, add, add_first, add_second, write_sum;
  logic [Slots*EntryBits-1:0] write_entry;
  logic [PlaneBits-1:0] plane;
  logic done;

  flexcim_plane_control #(
    .ByPlane   (ByPlane),
    .ActBits   (ActBits),
    .Slots     (Slots),
    .Entries   (Entries),
    .Registered(OneAccumulator)
  ) i_plane_control (
    .clk_i,
    .rst_ni,
    .finish_i     (finish),
    .start_i      (start),
    .skewed_i     (skewed),
    .valid_o      (valid),
    .first_o      (first),
    .plane_o      (plane),
    .add_o        (add),
    .add_first_o  (add_first),
    .add_second_o (add_second),
    .write_o      (write_sum),
    .write_entry_o(write_entry),
    .done_o       (done)
  );

  logic [EntryBits-1:0] read_entry;
  logic take;

  flexcim_sum_control #(
    .Entries(Entries),
    .Merged (SubMacros > 1 && !OneAccumulator)
  ) i_sum_control (
    .clk_i,
    .rst_ni,
    .start_i     (start),
    .done_i      (done),
    .credit_o    (credit),
    .read_entry_o(read_entry),
    .take_o      (take),
    .sum_valid_o,
    .sum_ready_i
  );

  logic [SubMacros*Columns*TreeBits-1:0] planes;  // [sub_macros][columns]

  for (genvar sub_macro = 0; sub_macro < SubMacros; sub_macro++) begin : gen_sub_macro
    logic write_here;
    assign write_here = write && 32'(write_row) / RowPositions == sub_macro;
    flexcim_sub_macro #(
      .Rows           (RowPositions),
      .Columns        (Columns),
      .MaxM           (MaxM),
      .PairSelect     (PairSelect),
      .ColumnsPerGroup(ColumnsPerGroup),
      .WeightBits     (WeightBits),
      .ActBits        (ActBits),
      .Slots          (Slots)
    ) i_sub_macro (
      .clk_i,
      .write_i    (write_here),
      .write_set_i(!set_at_work),
      .write_row_i(write_row[PositionBits-1:0]),
      .weights_i  (load_weights_i),
      .isel_i     (load_isel_i),
      .pairs_i    (load_pairs_i),
      .set_i      (set_at_work),
      .lines_i    (lines[sub_macro*RowPositions*MaxM*Width+:RowPositions*MaxM*Width]),
      .valid_i    (valid),
      .first_i    (first),
      .plane_i    (plane),
      .sums_o     (planes[sub_macro*Columns*TreeBits+:Columns*TreeBits])
    );
  end

  for (genvar column = 0; column < Columns; column++) begin : gen_column
    localparam int unsigned Slot = column / (Columns / Groups) % Slots;
    logic [SubMacros*TreeBits-1:0] of_column;
    for (genvar sub_macro = 0; sub_macro < SubMacros; sub_macro++) begin : gen_sub_macro
      assign of_column[sub_macro*TreeBits+:TreeBits] = planes[(sub_macro*Columns+column)*TreeBits+:TreeBits];
    end
    flexcim_column_sums #(
      .SubMacros(SubMacros),
      .TreeBits (TreeBits),
      .ActBits  (ActBits),
      .Entries  (Entries),
      .Shared   (OneAccumulator)
    ) i_sums (
      .clk_i,
      .planes_i     (of_column),
      .add_i        (add[Slot]),
      .add_first_i  (add_first[Slot]),
      .add_second_i (add_second[Slot]),
      .write_i      (write_sum[Slot]),
      .write_entry_i(write_entry[Slot*EntryBits+:EntryBits]),
      .read_entry_i (read_entry),
      .take_i       (take),
      .sum_o        (sums_o[column*SumBits+:SumBits])
    );
  end

endmodule
