/// One of the P parts of a macro: the pair selection of its rows, and its columns.
module flexcim_sub_macro #(
  parameter int unsigned Rows            = 32,
  parameter int unsigned Columns         = 32,
  parameter int unsigned MaxM            = 8,
  parameter int unsigned PairSelect      = flexcim_pkg::BitserialPerCell,
  parameter int unsigned ColumnsPerGroup = 32,
  parameter int unsigned WeightBits      = 8,
  parameter int unsigned ActBits         = 8,
  parameter int unsigned Slots           = 1,   // in which units serve one client after the other
  localparam bit          Shared         = flexcim_pkg::shares_pairs(PairSelect),
  localparam bit          ByPlane        = flexcim_pkg::by_plane(PairSelect),
  localparam int unsigned Groups         = Shared ? Columns / ColumnsPerGroup : Columns,
  localparam int unsigned PairBits       = flexcim_pkg::at_least_one($clog2(MaxM / 2)),
  localparam int unsigned Width          = ByPlane ? 1 : ActBits,
  localparam int unsigned RowBits        = $clog2(Rows),
  localparam int unsigned PlaneBits      = $clog2(ActBits),
  localparam int unsigned TreeBits       = WeightBits + $clog2(Rows)
) (
  input  logic                          clk_i,
  // A row of words, for the set of cells that is not at work.
  input  logic                          write_i,
  input  logic                          write_set_i,
  input  logic [RowBits-1:0]            write_row_i,
  input  logic [Columns*WeightBits-1:0] weights_i,
  input  logic [Columns-1:0]            isel_i,
  input  logic [Groups*PairBits-1:0]    pairs_i,
  input  logic                          set_i,
  // Bit planes.
  input  logic [Rows*MaxM*Width-1:0]    lines_i,  // [Rows][MaxM]
  input  logic [Slots-1:0]              valid_i,
  input  logic [Slots-1:0]              first_i,
  input  logic [PlaneBits-1:0]          plane_i,
  output logic [Columns*TreeBits-1:0]   sums_o    // of the plane
);

  localparam bit Latched = PairSelect == flexcim_pkg::ColumnPipelined;
  localparam int unsigned CellBits = Latched ? ActBits : 1;
  localparam int unsigned ColumnsOfGroup = Columns / Groups;
  // Units that serve one client (a column, or a group of them) after the other; client c in slot c % Slots.
  localparam int unsigned Units = flexcim_pkg::divide_up(Groups, Slots);

  logic [Groups*Rows*PairBits-1:0]  pair_words;  // [groups][rows]
  logic [Columns*Rows*2*CellBits-1:0] cell_pairs;  // [columns][rows][2]

  for (genvar group = 0; group < Groups; group++) begin : gen_group
    flexcim_cells #(
      .Rows(Rows),
      .Bits(PairBits)
    ) i_pairs (
      .clk_i,
      .write_i,
      .write_set_i,
      .write_row_i,
      .word_i (pairs_i[group*PairBits+:PairBits]),
      .set_i,
      .words_o(pair_words[group*Rows*PairBits+:Rows*PairBits])
    );
  end

  if (ByPlane) begin : gen_by_plane
    for (genvar group = 0; group < Groups; group++) begin : gen_group
      logic [Rows*2-1:0] planes;
      flexcim_line_mux #(
        .Rows(Rows),
        .MaxM(MaxM)
      ) i_mux (
        .lines_i,
        .pairs_i(pair_words[group*Rows*PairBits+:Rows*PairBits]),
        .pairs_o(planes)
      );
      assign cell_pairs[group*ColumnsOfGroup*Rows*2+:ColumnsOfGroup*Rows*2] = {ColumnsOfGroup{planes}};
    end
  end else if (PairSelect == flexcim_pkg::PerColumn) begin : gen_per_column
    for (genvar column = 0; column < Columns; column++) begin : gen_column
      logic [Rows*2*ActBits-1:0] pairs;
      flexcim_distribution #(
        .Rows   (Rows),
        .MaxM   (MaxM),
        .ActBits(ActBits),
        .Clients(1)
      ) i_unit (
        .blocks_i(lines_i),
        .pairs_i (pair_words[column*Rows*PairBits+:Rows*PairBits]),
        .serve_i (1'b1),
        .pairs_o (pairs)
      );
      flexcim_serialiser #(
        .Words  (2 * Rows),
        .ActBits(ActBits)
      ) i_serialiser (
        .words_i(pairs),
        .plane_i,
        .bits_o (cell_pairs[column*Rows*2+:Rows*2])
      );
    end
  end else begin : gen_units
    for (genvar unit = 0; unit < Units; unit++) begin : gen_unit
      localparam int unsigned First = unit * Slots;
      localparam int unsigned Clients = First + Slots > Groups ? Groups - First : Slots;
      logic [Rows*2*ActBits-1:0] pairs;
      flexcim_distribution #(
        .Rows   (Rows),
        .MaxM   (MaxM),
        .ActBits(ActBits),
        .Clients(Clients)
      ) i_unit (
        .blocks_i(lines_i),
        .pairs_i (pair_words[First*Rows*PairBits+:Clients*Rows*PairBits]),
        .serve_i (first_i[Clients-1:0]),
        .pairs_o (pairs)
      );
      for (genvar client = 0; client < Clients; client++) begin : gen_client
        localparam int unsigned Column = (First + client) * ColumnsOfGroup;
        if (Latched) begin : gen_words
          assign cell_pairs[Column*Rows*2*ActBits+:Rows*2*ActBits] = pairs;
        end else begin : gen_planes
          logic [Rows*2-1:0] planes;
          flexcim_pair_hold #(
            .Rows   (Rows),
            .ActBits(ActBits)
          ) i_hold (
            .clk_i,
            .valid_i(valid_i[client]),
            .first_i(first_i[client]),
            .pairs_i(pairs),
            .pairs_o(planes)
          );
          assign cell_pairs[Column*Rows*2+:ColumnsOfGroup*Rows*2] = {ColumnsOfGroup{planes}};
        end
      end
    end
  end

  for (genvar column = 0; column < Columns; column++) begin : gen_column
    localparam int unsigned Slot = column / ColumnsOfGroup % Slots;
    flexcim_cell_column #(
      .Rows      (Rows),
      .WeightBits(WeightBits),
      .ActBits   (ActBits),
      .Latched   (Latched)
    ) i_column (
      .clk_i,
      .write_i,
      .write_set_i,
      .write_row_i,
      .weight_i   (weights_i[column*WeightBits+:WeightBits]),
      .isel_i     (isel_i[column]),
      .set_i,
      .valid_i    (valid_i[Slot]),
      .first_i    (first_i[Slot]),
      .pairs_i    (cell_pairs[column*Rows*2*CellBits+:Rows*2*CellBits]),
      .sum_o      (sums_o[column*TreeBits+:TreeBits])
    );
  end

  if (PairSelect != flexcim_pkg::PerColumn) begin : gen_unused
    logic unused;
    assign unused = &{1'b0, plane_i};
  end

endmodule
