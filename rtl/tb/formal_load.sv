/// Proof: a tile is exactly Rows rows in order, never written into the set at work, and the next one waits until the sets
/// change places.
module formal_load #(
  parameter int unsigned Rows     = 4,
  localparam int unsigned RowBits = $clog2(Rows)
) (
  input logic clk_i,
  input logic load_valid_i,
  input logic change_i
);

  logic reset_q = 1'b1;
  logic load_ready, write, full, switch_sets, set;
  logic [RowBits-1:0] row;

  assign switch_sets = !reset_q && change_i && full;

  flexcim_load_control #(
    .Rows(Rows)
  ) i_control (
    .clk_i,
    .rst_ni      (!reset_q),
    .load_valid_i,
    .load_ready_o(load_ready),
    .write_o     (write),
    .write_row_o (row),
    .full_o      (full),
    .switch_i    (switch_sets),
    .set_o       (set)
  );

  logic [RowBits:0] rows_q;  // of the tile that does not work
  logic set_q, switched_q;

  always_ff @(posedge clk_i) begin
    reset_q    <= 1'b0;
    set_q      <= set;
    switched_q <= switch_sets;
    if (reset_q) begin
      rows_q <= '0;
    end else begin
      rows_q <= switch_sets ? '0 : rows_q + (RowBits + 1)'(write);
      assert (32'(rows_q) <= Rows);
      assert (row == rows_q[RowBits-1:0]);
      assert (load_ready == (32'(rows_q) < Rows));
      assert (full == (32'(rows_q) + 32'(write) == Rows));
      if (rows_q != '0) assert (set == set_q || switched_q);
    end
  end

endmodule
