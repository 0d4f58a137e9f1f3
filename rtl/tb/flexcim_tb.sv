/// Runs what `sparsecim rtl` wrote through a macro and compares every sum: tiles of weights from weights.hex, isel.hex and
/// pairs.hex, the activation buffer's words from words.hex, expected sums from sums.hex, all in the folder that the
/// simulation runs in. Ends with the number of mismatches, and with an error where there is one. +stall takes sums late.
/// For any simulator of SystemVerilog; with Verilator:
///
///   verilator --binary -Wno-fatal --top-module flexcim_tb *_pkg.sv $(ls flexcim*.sv | grep -v _pkg) && obj_dir/Vflexcim_tb
module flexcim_tb;

`include "parameters.svh"

  localparam bit ByPlane = flexcim_pkg::by_plane(PairSelect);
  localparam int unsigned Groups = flexcim_pkg::shares_pairs(PairSelect) ? Columns / ColumnsPerGroup : Columns;
  localparam int unsigned PairBits = flexcim_pkg::at_least_one($clog2(MaxM / 2));
  localparam int unsigned NBits = $clog2(2 * SubMacros + 1);
  localparam int unsigned MBits = $clog2($clog2(MaxM) + 1);
  localparam int unsigned LineBits = Rows * MaxM * (ByPlane ? 1 : ActBits);
  localparam int unsigned WordBits = $clog2(flexcim_pkg::divide_up(LineBits, PortBits) + 1);
  localparam int unsigned SumBits = WeightBits + ActBits + $clog2(Rows);
  localparam int unsigned Units = ByPlane ? ActBits : 1;  // of a pass
  localparam int unsigned LoadRows = Tiles * Rows;
  localparam int unsigned Passes = Tiles * Tokens;
  localparam int unsigned MostIdle = 100000;  // cycles without a sum

  logic [Columns*WeightBits-1:0] weights[LoadRows];
  logic [Columns-1:0]            isel[LoadRows];
  logic [Groups*PairBits-1:0]    pairs[LoadRows];
  logic [PortBits-1:0]           words[Words];
  logic [31:0]                   unit_words[Tiles];  // words of a unit of the tile's passes
  logic [Columns*SumBits-1:0]    sums[Passes];

  logic clk = 1'b0;
  logic rst_n = 1'b0;
  logic stall = 1'b0;
  int unsigned cycle = 0, idle = 0;
  int unsigned load_row = 0;                                            // to be loaded
  int unsigned tile = 0, token = 0, unit = 0, word_of_unit = 0, word = 0;  // to be sent
  int unsigned pass = 0, mismatches = 0;                                // to be compared

  always #5 clk = !clk;

  initial begin
    $readmemh("weights.hex", weights);
    $readmemh("isel.hex", isel);
    $readmemh("pairs.hex", pairs);
    $readmemh("words.hex", words);
    $readmemh("unit_words.hex", unit_words);
    $readmemh("sums.hex", sums);
    stall = $test$plusargs("stall") != 0;
  end

  logic load_valid, load_ready, iact_valid, iact_ready, pass_start, sum_valid, sum_ready;
  logic [Columns*SumBits-1:0] given;
  int unsigned load_at, word_at, tile_at;

  assign load_valid = rst_n && load_row < LoadRows;
  assign iact_valid = rst_n && word < Words;
  assign sum_ready  = !stall || cycle % 11 == 0;
  assign load_at    = load_row < LoadRows ? load_row : 0;
  assign word_at    = word < Words ? word : 0;
  assign tile_at    = tile < Tiles ? tile : 0;

  flexcim_macro #(
    .Rows           (Rows),
    .Columns        (Columns),
    .SubMacros      (SubMacros),
    .MaxM           (MaxM),
    .PairSelect     (PairSelect),
    .ColumnsPerCycle(ColumnsPerCycle),
    .ColumnsPerGroup(ColumnsPerGroup),
    .SharedAccumulators(SharedAccumulators),
    .AnyN           (AnyN),
    .WeightBits     (WeightBits),
    .ActBits        (ActBits),
    .PortBits       (PortBits),
    .Entries        (Entries)
  ) i_macro (
    .clk_i            (clk),
    .rst_ni           (rst_n),
    .load_valid_i     (load_valid),
    .load_ready_o     (load_ready),
    .load_weights_i   (weights[load_at]),
    .load_isel_i      (isel[load_at]),
    .load_pairs_i     (pairs[load_at]),
    .iact_valid_i     (iact_valid),
    .iact_ready_o     (iact_ready),
    .iact_word_i      (words[word_at]),
    .iact_words_i     (WordBits'(unit_words[tile_at])),
    .iact_switch_i    (token == 0),
    .iact_mode_n_i    (NBits'(ModeN)),
    .iact_mode_log_m_i(MBits'(ModeLogM)),
    .pass_start_o     (pass_start),
    .sum_valid_o      (sum_valid),
    .sum_ready_i      (sum_ready),
    .sums_o           (given)
  );

  task automatic compare();
    for (int unsigned column = 0; column < Columns; column = column + 1)
      if (given[column*SumBits+:SumBits] !== sums[pass][column*SumBits+:SumBits]) begin
        mismatches = mismatches + 1;
        if (mismatches <= 10)
          $display("pass %0d (tile %0d, token %0d), column %0d: %0d, expected %0d", pass, pass / Tokens, pass % Tokens,
                   column, $signed(given[column*SumBits+:SumBits]), $signed(sums[pass][column*SumBits+:SumBits]));
      end
  endtask

  task automatic next_word();
    word <= word + 1;
    word_of_unit <= word_of_unit + 1;
    if (word_of_unit + 1 == unit_words[tile_at]) begin
      word_of_unit <= 0;
      unit <= unit + 1;
      if (unit + 1 == Units) begin
        unit <= 0;
        token <= token + 1 == Tokens ? 0 : token + 1;
        if (token + 1 == Tokens) tile <= tile + 1;
      end
    end
  endtask

  always @(posedge clk) begin
    cycle <= cycle + 1;
    idle <= idle + 1;
    if (cycle == 3) rst_n <= 1'b1;
    if (load_valid && load_ready) load_row <= load_row + 1;
    if (iact_valid && iact_ready) next_word();
    if (rst_n && sum_valid && sum_ready) begin
      compare();
      idle <= 0;
      pass <= pass + 1;
      if (pass + 1 == Passes) begin
        $display("%0d passes, %0d sums, %0d cycles: %0d mismatches", Passes, Passes * Columns, cycle, mismatches);
        if (mismatches != 0) $fatal(1, "sums differ");
        $finish;
      end
    end
    if (idle > MostIdle) $fatal(1, "no sum in %0d cycles: %0d of %0d passes are done", MostIdle, pass, Passes);
  end

endmodule
