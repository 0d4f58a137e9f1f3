/// Writes a tile, a row a cycle, into the set of cells that is not at work, and lets the sets change places when a pass
/// asks for it. A set can be written from the cycle in which the sets changed places.
module flexcim_load_control #(
  parameter int unsigned Rows     = 128,
  localparam int unsigned RowBits = $clog2(Rows)
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic               load_valid_i,
  output logic               load_ready_o,
  output logic               write_o,
  output logic [RowBits-1:0] write_row_o,
  output logic               full_o,   // by the end of this cycle a tile waits
  input  logic               switch_i, // the sets change places at the end of this cycle
  output logic               set_o     // at work
);

  logic [RowBits-1:0] row_q;
  logic loaded_q, set_q;

  assign load_ready_o = !loaded_q;
  assign write_o = load_valid_i && load_ready_o;
  assign write_row_o = row_q;
  assign full_o = loaded_q || (write_o && row_q == RowBits'(Rows - 1));
  assign set_o = set_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q    <= '0;
      loaded_q <= 1'b0;
      set_q    <= 1'b0;
    end else begin
      if (write_o) row_q <= row_q == RowBits'(Rows - 1) ? '0 : row_q + 1'b1;
      loaded_q <= full_o && !switch_i;
      set_q    <= set_q ^ switch_i;
      assert (!switch_i || full_o);
      assert (!loaded_q || row_q == '0);
    end
  end

endmodule
