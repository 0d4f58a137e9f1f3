/// Proof: no sum of a pass is lost, repeated, overtaken or changed while it waits, whenever passes start, are finished and
/// are taken, and as many passes as there are credits can wait.
module formal_sums #(
  parameter int unsigned Entries    = 3,
  parameter bit          Merged     = 1'b1,
  localparam int unsigned EntryBits = flexcim_pkg::at_least_one($clog2(Entries)),
  localparam int unsigned Credits   = Entries + 32'(Merged),
  localparam int unsigned TagBits   = 4
) (
  input logic clk_i,
  input logic start_i,
  input logic finish_i,
  input logic sum_ready_i
);

  logic reset_q = 1'b1;
  logic start, done, credit, take, sum_valid;
  logic [EntryBits-1:0] read_entry, write_entry_q;
  // Passes, numbered; how many have started, are finished, and are taken.
  logic [TagBits-1:0] started_q, finished_q, taken_q, tag, merged_q;

  assign start = !reset_q && start_i && credit;
  assign done = !reset_q && finish_i && finished_q != started_q;

  flexcim_sum_control #(
    .Entries(Entries),
    .Merged (Merged)
  ) i_control (
    .clk_i,
    .rst_ni      (!reset_q),
    .start_i     (start),
    .done_i      (done),
    .credit_o    (credit),
    .read_entry_o(read_entry),
    .take_o      (take),
    .sum_valid_o (sum_valid),
    .sum_ready_i
  );

  flexcim_partial_sums #(
    .Entries(Entries),
    .Bits   (TagBits)
  ) i_entries (
    .clk_i,
    .write_i      (done),
    .write_entry_i(write_entry_q),
    .sum_i        (finished_q),
    .read_entry_i (read_entry),
    .sum_o        (tag)
  );

  always_ff @(posedge clk_i) begin
    reset_q <= 1'b0;
    if (take) merged_q <= tag;
    if (reset_q) begin
      started_q     <= '0;
      finished_q    <= '0;
      taken_q       <= '0;
      write_entry_q <= '0;
    end else begin
      started_q  <= started_q + TagBits'(start);
      finished_q <= finished_q + TagBits'(done);
      taken_q    <= taken_q + TagBits'(sum_valid && sum_ready_i);
      if (done) write_entry_q <= write_entry_q == EntryBits'(Entries - 1) ? '0 : write_entry_q + 1'b1;
      if (sum_valid) assert ((Merged ? merged_q : tag) == taken_q);
      assert (!sum_valid || taken_q != finished_q);
      assert (32'(TagBits'(started_q - taken_q)) <= Credits);
      assert (credit == (32'(TagBits'(started_q - taken_q)) < Credits));
    end
  end

endmodule
