/// Keeps account of finished passes: a credit for each that the partial-sum entries and the merged sum have room for,
/// taken when a pass starts and given back when its sums leave.
module flexcim_sum_control #(
  parameter int unsigned Entries     = 3,
  parameter bit          Merged      = 1'b1,  // there is a register of merged sums
  localparam int unsigned EntryBits  = flexcim_pkg::at_least_one($clog2(Entries)),
  localparam int unsigned Credits    = Entries + 32'(Merged),
  localparam int unsigned CreditBits = $clog2(Credits + 1)
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 start_i,       // of a pass
  input  logic                 done_i,        // all entries of a pass are there from the next cycle on
  output logic                 credit_o,
  output logic [EntryBits-1:0] read_entry_o,
  output logic                 take_o,        // the entries, at the end of this cycle
  output logic                 sum_valid_o,
  input  logic                 sum_ready_i
);

  logic [CreditBits-1:0] credits_q, waiting_q;  // passes that may start; passes in the entries
  logic [EntryBits-1:0] read_entry_q;
  logic pop;

  assign credit_o = credits_q != '0;
  assign read_entry_o = read_entry_q;
  assign pop = sum_valid_o && sum_ready_i;

  if (Merged) begin : gen_merged
    logic valid_q;
    assign sum_valid_o = valid_q;
    assign take_o = waiting_q != '0 && (!valid_q || sum_ready_i);
    always_ff @(posedge clk_i)
      if (!rst_ni) valid_q <= 1'b0;
      else valid_q <= take_o || (valid_q && !sum_ready_i);
  end else begin : gen_entry
    assign sum_valid_o = waiting_q != '0;
    assign take_o = pop;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      credits_q    <= CreditBits'(Credits);
      waiting_q    <= '0;
      read_entry_q <= '0;
    end else begin
      credits_q <= credits_q + CreditBits'(pop) - CreditBits'(start_i);
      waiting_q <= waiting_q + CreditBits'(done_i) - CreditBits'(take_o);
      if (take_o) read_entry_q <= read_entry_q == EntryBits'(Entries - 1) ? '0 : read_entry_q + 1'b1;
      assert (!start_i || credit_o);
      assert (!done_i || take_o || 32'(waiting_q) != Entries);
      assert (32'(credits_q) + 32'(waiting_q) <= Credits);
    end
  end

endmodule
