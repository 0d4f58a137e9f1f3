/// Counts the words of a pass, and decides when it starts. The last word of a pass's first unit waits at the port until
/// the columns can multiply the unit in the cycle after it: so a pass keeps its place at the port until it starts, and
/// everything behind its start happens at a fixed distance from it.
module flexcim_fetch_control #(
  parameter bit          ByPlane    = 1'b1,  // a unit is a bit plane; else a whole pass
  parameter int unsigned ActBits    = 8,
  parameter int unsigned MaxWords   = 1,     // of a unit
  parameter int unsigned PairCycles = 1,     // to serve all columns, in modes that choose pairs
  localparam int unsigned WordBits  = $clog2(MaxWords + 1)
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                iact_valid_i,
  output logic                iact_ready_o,
  input  logic                iact_switch_i,  // the pass begins with the tile loaded last
  input  logic [WordBits-1:0] iact_words_i,   // of a unit
  input  logic                skewed_i,       // the columns are served one after the other
  input  logic                full_i,         // a tile waits
  input  logic                credit_i,       // there is room for the pass's sums
  output logic [WordBits-1:0] index_o,
  output logic                gather_o,       // a word that is not the last of its unit
  output logic                finish_o,       // the last: its unit is multiplied from the next cycle on
  output logic                start_o,        // and is the first of its pass
  output logic                switch_o
);

  localparam int unsigned PlaneBits = $clog2(ActBits);
  // Between two starts: every column multiplies ActBits planes, and the unit serves all of them.
  localparam int unsigned Interval = PairCycles > ActBits ? PairCycles : ActBits;
  // From a start to the end of the last column.
  localparam int unsigned Drain = ActBits + PairCycles - 1;
  localparam int unsigned CountBits = $clog2(Drain + 1);

  logic [WordBits-1:0]  index_q;
  logic [PlaneBits-1:0] plane_q;
  logic last, first_unit, free, accept;

  assign last = index_q == iact_words_i - 1'b1;
  assign first_unit = !ByPlane || plane_q == '0;
  assign iact_ready_o = !last || !first_unit || (free && credit_i && (!iact_switch_i || full_i));
  assign accept = iact_valid_i && iact_ready_o;
  assign index_o = index_q;
  assign gather_o = accept && !last;
  assign finish_o = accept && last;
  assign start_o = finish_o && first_unit;
  assign switch_o = start_o && iact_switch_i;

  if (ByPlane) begin : gen_by_plane
    // Planes follow each other through the port, a cycle or more each: it paces the columns.
    assign free = 1'b1;
    always_ff @(posedge clk_i)
      if (!rst_ni) plane_q <= '0;
      else if (finish_o) plane_q <= plane_q == PlaneBits'(ActBits - 1) ? '0 : plane_q + 1'b1;
    logic unused;
    assign unused = &{1'b0, skewed_i};
  end else begin : gen_whole
    logic [CountBits-1:0] interval_q, drain_q;
    assign plane_q = '0;
    assign free = interval_q == '0 && (!iact_switch_i || drain_q == '0);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        interval_q <= '0;
        drain_q    <= '0;
      end else if (start_o) begin
        interval_q <= CountBits'((skewed_i ? Interval : ActBits) - 1);
        drain_q    <= CountBits'((skewed_i ? Drain : ActBits) - 1);
      end else begin
        if (interval_q != '0) interval_q <= interval_q - 1'b1;
        if (drain_q != '0) drain_q <= drain_q - 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i)
    if (!rst_ni) index_q <= '0;
    else if (accept) index_q <= last ? '0 : index_q + 1'b1;

  always_ff @(posedge clk_i)
    if (rst_ni && iact_valid_i) begin
      assert (iact_words_i != '0);
      assert (index_q < iact_words_i);
    end

endmodule
