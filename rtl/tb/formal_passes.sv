/// Proof: whatever words come when, every pass is multiplied plane by plane in every slot, without gaps where passes come
/// whole, and added in the same cycle or, behind a register, in the next; a pass starts only with a credit; and the sets of cells change places only when a tile waits and all slots are
/// done with the tile before. Credits and tiles are free inputs.
module formal_passes #(
  parameter bit          ByPlane    = 1'b0,
  parameter int unsigned ActBits    = 3,
  parameter int unsigned MaxWords   = 2,
  parameter int unsigned Slots      = 5,
  parameter int unsigned Entries    = 3,
  parameter bit          Registered = 1'b0,
  localparam int unsigned WordBits  = $clog2(MaxWords + 1),
  localparam int unsigned PlaneBits = $clog2(ActBits),
  localparam int unsigned EntryBits = flexcim_pkg::at_least_one($clog2(Entries)),
  localparam int unsigned CountBits = 6
) (
  input logic                clk_i,
  input logic                iact_valid_i,
  input logic                iact_switch_i,
  input logic [WordBits-1:0] iact_words_i,
  input logic                skewed_i,
  input logic                full_i,
  input logic                credit_i
);

  logic reset_q = 1'b1;
  logic iact_ready, gather, finish, start, switch_sets, done;
  logic [WordBits-1:0] index;
  logic [Slots-1:0] valid, first, add, add_first, add_second, write;
  logic [Slots*EntryBits-1:0] write_entry;
  logic [PlaneBits-1:0] plane;

  flexcim_fetch_control #(
    .ByPlane   (ByPlane),
    .ActBits   (ActBits),
    .MaxWords  (MaxWords),
    .PairCycles(Slots)
  ) i_fetch (
    .clk_i,
    .rst_ni      (!reset_q),
    .iact_valid_i,
    .iact_ready_o(iact_ready),
    .iact_switch_i,
    .iact_words_i,
    .skewed_i,
    .full_i,
    .credit_i,
    .index_o     (index),
    .gather_o    (gather),
    .finish_o    (finish),
    .start_o     (start),
    .switch_o    (switch_sets)
  );

  flexcim_plane_control #(
    .ByPlane   (ByPlane),
    .ActBits   (ActBits),
    .Slots     (Slots),
    .Entries   (Entries),
    .Registered(Registered)
  ) i_planes (
    .clk_i,
    .rst_ni       (!reset_q),
    .finish_i     (finish),
    .start_i      (start),
    .skewed_i,
    .valid_o      (valid),
    .first_o      (first),
    .plane_o      (plane),
    .add_o        (add),
    .add_first_o  (add_first),
    .add_second_o (add_second),
    .write_o      (write),
    .write_entry_o(write_entry),
    .done_o       (done)
  );

  // What stands beside the words holds for all words of a pass; whether slots are skewed, for a tile.
  logic open_q = 1'b0, skewed_q = 1'b0, switch_q = 1'b0, any_q = 1'b0, changed_q = 1'b0;
  logic [WordBits-1:0]  words_q = '0;
  logic [PlaneBits-1:0] units_q = '0;
  logic last_unit;
  assign last_unit = !ByPlane || units_q == PlaneBits'(ActBits - 1);
  always_comb begin
    assume (iact_words_i != '0 && 32'(iact_words_i) <= MaxWords);
    assume (!open_q || (iact_words_i == words_q && iact_switch_i == switch_q && skewed_i == skewed_q));
    assume (!any_q || iact_switch_i || skewed_i == skewed_q);
    assume (any_q || iact_switch_i);
    assume (!ByPlane || !skewed_i);
  end

  // Every slot counts its planes; passes started, and finished in the last slot.
  logic [Slots*PlaneBits-1:0] next_q, before_q, added;  // added: the plane of which the accumulators get the sum
  logic [Slots-1:0] valid_q;
  assign added = Registered ? before_q : next_q;
  logic [CountBits-1:0] started_q, done_q;

  always_ff @(posedge clk_i) begin
    reset_q   <= 1'b0;
    before_q  <= next_q;
    valid_q   <= reset_q ? '0 : valid;
    changed_q <= !reset_q && switch_sets;
    if (!reset_q && iact_valid_i && iact_ready) begin
      any_q    <= 1'b1;
      words_q  <= iact_words_i;
      skewed_q <= skewed_i;
      switch_q <= iact_switch_i;
      open_q   <= !(finish && last_unit);
      if (finish) units_q <= last_unit ? '0 : units_q + 1'b1;
    end
    if (reset_q) begin
      next_q    <= '0;
      started_q <= '0;
      done_q    <= '0;
    end else begin
      started_q <= started_q + CountBits'(start);
      done_q    <= done_q + CountBits'(done);
      for (int unsigned slot = 0; slot < Slots; slot = slot + 1)
        if (valid[slot]) begin
          assert (first[slot] == (next_q[slot*PlaneBits+:PlaneBits] == '0));
          next_q[slot*PlaneBits+:PlaneBits] <=
              next_q[slot*PlaneBits+:PlaneBits] == PlaneBits'(ActBits - 1) ? '0
                                                                           : next_q[slot*PlaneBits+:PlaneBits] + 1'b1;
        end else if (!ByPlane) begin
          assert (next_q[slot*PlaneBits+:PlaneBits] == '0);
        end
      assert ((first & ~valid) == '0);
      assert (add == (Registered ? valid_q : valid));
      for (int unsigned slot = 0; slot < Slots; slot = slot + 1)
        if (add[slot]) begin
          assert (add_first[slot] == (added[slot*PlaneBits+:PlaneBits] == '0));
          assert (add_second[slot] == (added[slot*PlaneBits+:PlaneBits] == PlaneBits'(1)));
        end
      if (valid[0]) assert (plane == next_q[PlaneBits-1:0]);
      assert (!start || credit_i);
      assert (!switch_sets || full_i);
      // In the first cycle with the other set no slot is in the midst of a pass of the tile before.
      if (changed_q)
        for (int unsigned slot = 0; slot < Slots; slot = slot + 1)
          assert (next_q[slot*PlaneBits+:PlaneBits] == '0 && (!valid[slot] || first[slot]));
      assert (CountBits'(started_q - done_q) <= CountBits'(Slots + 2 + 32'(Registered)));
    end
  end

endmodule
