/// Tells the columns when to multiply which bit plane, the accumulators when to add it, in the same cycle or a cycle later,
/// and their partial-sum entries when to take a finished sum. Columns
/// that are served one after the other lie in slots: slot s follows slot 0 by s cycles. In modes that choose no pairs all
/// slots work at once.
module flexcim_plane_control #(
  parameter bit          ByPlane    = 1'b1,
  parameter int unsigned ActBits    = 8,
  parameter int unsigned Slots      = 1,
  parameter int unsigned Entries    = 3,
  parameter bit          Registered = 1'b0,  // there is a register behind the trees
  localparam int unsigned PlaneBits = $clog2(ActBits),
  localparam int unsigned EntryBits = flexcim_pkg::at_least_one($clog2(Entries))
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       finish_i,       // a unit is at the columns from the next cycle on
  input  logic                       start_i,        // the first of a pass
  input  logic                       skewed_i,       // which the slots multiply one after the other
  output logic [Slots-1:0]           valid_o,        // a plane is multiplied
  output logic [Slots-1:0]           first_o,        // that of the signs
  output logic [PlaneBits-1:0]       plane_o,        // of slot 0, from the sign on
  output logic [Slots-1:0]           add_o,          // a plane is added
  output logic [Slots-1:0]           add_first_o,    // that of the signs
  output logic [Slots-1:0]           add_second_o,   // the one behind it
  output logic [Slots-1:0]           write_o,        // into the entry, at the end of this cycle
  output logic [Slots*EntryBits-1:0] write_entry_o,
  output logic                       done_o          // the pass's last entry is written
);

  // Slot 0, and behind it one slot after the other.
  logic [Slots-1:0] valid_q, first_q, second_q, last_q;
  logic [Slots*EntryBits-1:0] entry_q;
  logic [PlaneBits-1:0] plane_q, plane_d;
  logic [EntryBits-1:0] next_entry_q;
  logic valid_d;

  if (ByPlane) begin : gen_by_plane
    assign valid_d = finish_i;
    assign plane_d = start_i ? '0 : plane_q + PlaneBits'(finish_i);
  end else begin : gen_whole
    assign valid_d = start_i || (valid_q[0] && !last_q[0]);
    assign plane_d = start_i ? '0 : plane_q + PlaneBits'(valid_q[0]);
    logic unused;
    assign unused = &{1'b0, finish_i};
  end

  always_ff @(posedge clk_i) begin
    plane_q     <= plane_d;
    first_q[0]  <= valid_d && plane_d == '0;
    second_q[0] <= valid_d && plane_d == PlaneBits'(1);
    last_q[0]   <= valid_d && plane_d == PlaneBits'(ActBits - 1);
    if (start_i) entry_q[EntryBits-1:0] <= next_entry_q;
    if (!rst_ni) begin
      valid_q[0]   <= 1'b0;
      next_entry_q <= '0;
    end else begin
      valid_q[0] <= valid_d;
      if (start_i) next_entry_q <= next_entry_q == EntryBits'(Entries - 1) ? '0 : next_entry_q + 1'b1;
      assert (ByPlane || !start_i || !valid_q[0] || last_q[0]);
    end
  end

  assign plane_o = plane_q;

  logic skewed;
  if (Slots > 1) begin : gen_slots
    logic skewed_q;
    assign skewed = skewed_q;
    always_ff @(posedge clk_i) begin
      if (start_i) skewed_q <= skewed_i;
      first_q[Slots-1:1]                <= first_q[Slots-2:0];
      second_q[Slots-1:1]               <= second_q[Slots-2:0];
      last_q[Slots-1:1]                 <= last_q[Slots-2:0];
      entry_q[Slots*EntryBits-1:EntryBits] <= entry_q[(Slots-1)*EntryBits-1:0];
      if (!rst_ni) valid_q[Slots-1:1] <= '0;
      else valid_q[Slots-1:1] <= valid_q[Slots-2:0] & {Slots - 1{skewed_q}};
    end
  end else begin : gen_one_slot
    assign skewed = 1'b0;
    logic unused;
    assign unused = &{1'b0, skewed_i};
  end

  for (genvar slot = 0; slot < Slots; slot++) begin : gen_slot
    logic second, last, add_last;
    logic [EntryBits-1:0] entry, add_entry;
    assign valid_o[slot] = skewed ? valid_q[slot] : valid_q[0];
    assign first_o[slot] = skewed ? valid_q[slot] && first_q[slot] : valid_q[0] && first_q[0];
    assign second = skewed ? second_q[slot] : second_q[0];
    assign last = skewed ? valid_q[slot] && last_q[slot] : valid_q[0] && last_q[0];
    assign entry = skewed ? entry_q[slot*EntryBits+:EntryBits] : entry_q[EntryBits-1:0];
    if (Registered) begin : gen_registered
      logic add_q, first_add_q, second_add_q, last_add_q;
      logic [EntryBits-1:0] add_entry_q;
      always_ff @(posedge clk_i) begin
        add_q        <= rst_ni && valid_o[slot];
        first_add_q  <= first_o[slot];
        second_add_q <= second;
        last_add_q   <= rst_ni && last;
        add_entry_q  <= entry;
      end
      assign add_o[slot] = add_q;
      assign add_first_o[slot] = first_add_q;
      assign add_second_o[slot] = second_add_q;
      assign add_last = last_add_q;
      assign add_entry = add_entry_q;
    end else begin : gen_direct
      assign add_o[slot] = valid_o[slot];
      assign add_first_o[slot] = first_o[slot];
      assign add_second_o[slot] = second;
      assign add_last = last;
      assign add_entry = entry;
    end
    // A finished sum is in its accumulator in the cycle after its last plane.
    logic write_q;
    logic [EntryBits-1:0] write_entry_q;
    always_ff @(posedge clk_i) begin
      write_q       <= rst_ni && add_last;
      write_entry_q <= add_entry;
    end
    assign write_o[slot] = write_q;
    assign write_entry_o[slot*EntryBits+:EntryBits] = write_entry_q;
  end

  assign done_o = write_o[Slots-1];

endmodule
