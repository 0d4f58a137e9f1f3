/// Adds up two's complement operands, a power of two of them. Each level is one bit wider than the one before, so that no
/// sum overflows. Combinational.
module flexcim_adder_tree #(
  parameter int unsigned Operands = 32,
  parameter int unsigned Bits     = 8,
  localparam int unsigned Levels  = $clog2(Operands)
) (
  input  logic [Operands*Bits-1:0] operands_i,
  output logic [Bits+Levels-1:0]   sum_o
);

  for (genvar level = 0; level <= Levels; level++) begin : gen_level
    localparam int unsigned Sums = Operands >> level;
    localparam int unsigned Width = Bits + level;
    logic [Sums*Width-1:0] sums;
    if (level == 0) begin : gen_operands
      assign sums = operands_i;
    end else begin : gen_adders
      logic [2*Sums*(Width-1)-1:0] operands;
      assign operands = gen_level[level-1].sums;
      always_comb begin
        for (int unsigned i = 0; i < Sums; i = i + 1)
          sums[i*Width+:Width] = {operands[(2*i+1)*(Width-1)-1], operands[2*i*(Width-1)+:Width-1]}
                               + {operands[(2*i+2)*(Width-1)-1], operands[(2*i+1)*(Width-1)+:Width-1]};
      end
    end
  end

  assign sum_o = gen_level[Levels].sums;

endmodule
