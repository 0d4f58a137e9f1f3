/// Takes inputs from the activation buffer's port, a word a cycle: a unit, which is a bit plane or a whole pass, consists
/// of one or more words. All but the last wait in a gathering register; with the last, the unit goes through the router
/// into the registers of the lines, from where the columns see it in the next cycle.
module flexcim_iact_buffer #(
  parameter int unsigned SubMacros    = 4,
  parameter int unsigned RowPositions = 32,
  parameter int unsigned MaxM         = 8,
  parameter int unsigned Width        = 1,  // bits of an input that come with a unit
  parameter int unsigned PortBits     = 1024,
  parameter bit          AnyN         = 1'b0,
  localparam int unsigned LineBits    = SubMacros * RowPositions * MaxM * Width,
  localparam int unsigned MaxWords    = flexcim_pkg::divide_up(LineBits, PortBits),
  localparam int unsigned WordBits    = $clog2(MaxWords + 1),
  localparam int unsigned NBits       = $clog2(2 * SubMacros + 1),
  localparam int unsigned MBits       = $clog2($clog2(MaxM) + 1)
) (
  input  logic                clk_i,
  input  logic [NBits-1:0]    mode_n_i,
  input  logic [MBits-1:0]    mode_log_m_i,
  input  logic [PortBits-1:0] word_i,
  input  logic [WordBits-1:0] index_i,   // of the word in its unit
  input  logic                gather_i,  // a word that is not the last
  input  logic                finish_i,  // the last
  output logic [LineBits-1:0] lines_o    // [SubMacros][RowPositions][MaxM]
);

  logic [MaxWords*PortBits-1:0] unit;
  logic [LineBits-1:0] routed, lines_q;

  for (genvar word = 0; word < MaxWords; word++) begin : gen_word
    if (word + 1 < MaxWords) begin : gen_gathered
      logic [PortBits-1:0] word_q;
      always_ff @(posedge clk_i) if (gather_i && index_i == WordBits'(word)) word_q <= word_i;
      assign unit[word*PortBits+:PortBits] = index_i == WordBits'(word) ? word_i : word_q;
    end else begin : gen_last
      assign unit[word*PortBits+:PortBits] = word_i;
    end
  end

  flexcim_router #(
    .SubMacros   (SubMacros),
    .RowPositions(RowPositions),
    .MaxM        (MaxM),
    .Width       (Width),
    .AnyN        (AnyN)
  ) i_router (
    .mode_n_i,
    .mode_log_m_i,
    .inputs_i(unit[LineBits-1:0]),
    .blocks_o(routed)
  );

  always_ff @(posedge clk_i) if (finish_i) lines_q <= routed;

  assign lines_o = lines_q;

  if (MaxWords == 1) begin : gen_nothing_gathered
    logic unused;
    assign unused = &{1'b0, index_i, gather_i};
  end
  if (MaxWords * PortBits > LineBits) begin : gen_wide_port
    logic unused;
    assign unused = &{1'b0, unit[MaxWords*PortBits-1:LineBits]};
  end

endmodule
