/// Entries for the finished sums of a sub-macro column, which wait there to be merged.
module flexcim_partial_sums #(
  parameter int unsigned Entries    = 3,
  parameter int unsigned Bits       = 21,
  localparam int unsigned EntryBits = flexcim_pkg::at_least_one($clog2(Entries))
) (
  input  logic                 clk_i,
  input  logic                 write_i,
  input  logic [EntryBits-1:0] write_entry_i,
  input  logic [Bits-1:0]      sum_i,
  input  logic [EntryBits-1:0] read_entry_i,
  output logic [Bits-1:0]      sum_o
);

  logic [Entries*Bits-1:0] entries_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned entry = 0; entry < Entries; entry = entry + 1)
      if (write_i && write_entry_i == EntryBits'(entry)) entries_q[entry*Bits+:Bits] <= sum_i;
  end

  always_comb begin
    sum_o = '0;
    for (int unsigned entry = 0; entry < Entries; entry = entry + 1)
      if (read_entry_i == EntryBits'(entry)) sum_o = sum_o | entries_q[entry*Bits+:Bits];
  end

endmodule
