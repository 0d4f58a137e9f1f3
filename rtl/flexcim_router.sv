/// Brings every row the block of inputs that its words belong to in the mode N:M (docs/flexcim.md, "Storage"); what is
/// left of its MaxM places, and rows without a block, are zero. In the dense mode, 1:1, both places of the first pair get
/// the row's one input. Combinational: each place takes one of as many sources as there are layouts that reach it.
module flexcim_router #(
  parameter int unsigned SubMacros    = 4,
  parameter int unsigned RowPositions = 32,
  parameter int unsigned MaxM         = 8,
  parameter int unsigned Width        = 1,  // of an input: a plane of it, or all of it
  parameter bit          AnyN         = 1'b0,
  localparam int unsigned Rows        = SubMacros * RowPositions,
  localparam int unsigned NBits       = $clog2(2 * SubMacros + 1),
  localparam int unsigned MBits       = $clog2($clog2(MaxM) + 1)
) (
  input  logic [NBits-1:0]           mode_n_i,      // N
  input  logic [MBits-1:0]           mode_log_m_i,  // log2(M)
  input  logic [Rows*MaxM*Width-1:0] inputs_i,      // block after block
  output logic [Rows*MaxM*Width-1:0] blocks_o       // [SubMacros][RowPositions][MaxM]
);

  localparam int unsigned Sources = flexcim_pkg::count_sources(MaxM, SubMacros, AnyN);

  // A row's layout, by N.
  logic [NBits-1:0] layout;
  always_comb begin
    layout = '0;
    for (int unsigned n = 1; n <= 2 * SubMacros; n = n + 1)
      if (mode_n_i == NBits'(n)) layout = NBits'(flexcim_pkg::layout_n(n, SubMacros, AnyN));
  end

  for (genvar source = 0; source < Sources; source++) begin : gen_source
    localparam int unsigned Source = flexcim_pkg::source_at(source, MaxM, SubMacros, AnyN);
    localparam int unsigned Layout = Source >> 16;
    localparam int unsigned LogM = Source & 32'hffff;
    localparam int unsigned BlockBits = (32'd1 << LogM) * Width;
    logic [Rows*MaxM*Width-1:0] blocks;  // of this source
    logic [Rows*MaxM*Width-1:0] upto;    // of this source and those before
    for (genvar row = 0; row < Rows; row++) begin : gen_row
      localparam int unsigned SubMacro = row / RowPositions;
      localparam int unsigned Position = row % RowPositions;
      localparam int unsigned Block = AnyN ? (Position * SubMacros + SubMacro) / Layout
                                    : Layout > SubMacros ? Position / 2  // a block to two row positions
                                    : Position * (SubMacros / Layout) + SubMacro / Layout;
      localparam bit Empty = AnyN ? Block >= Rows / Layout
                                  : Layout <= SubMacros && SubMacro / Layout >= SubMacros / Layout;
      if (Empty) begin : gen_empty
        assign blocks[row*MaxM*Width+:MaxM*Width] = '0;
      end else if (LogM == 0) begin : gen_dense
        assign blocks[row*MaxM*Width+:MaxM*Width] = (MaxM * Width)'({2{inputs_i[Block*Width+:Width]}});
      end else begin : gen_block
        assign blocks[row*MaxM*Width+:MaxM*Width] = (MaxM * Width)'(inputs_i[Block*BlockBits+:BlockBits]);
      end
    end
    logic chosen;
    assign chosen = layout == NBits'(Layout) && mode_log_m_i == MBits'(LogM);
    if (source == 0) begin : gen_first
      assign upto = blocks & {Rows * MaxM * Width{chosen}};
    end else begin : gen_next
      assign upto = gen_source[source-1].upto | (blocks & {Rows * MaxM * Width{chosen}});
    end
  end

  assign blocks_o = gen_source[Sources-1].upto;

endmodule
