/// Takes bit `plane_i` of every word, counted from the sign. Combinational.
module flexcim_serialiser #(
  parameter int unsigned Words      = 64,
  parameter int unsigned ActBits    = 8,
  localparam int unsigned PlaneBits = $clog2(ActBits)
) (
  input  logic [Words*ActBits-1:0] words_i,
  input  logic [PlaneBits-1:0]     plane_i,
  output logic [Words-1:0]         bits_o
);

  always_comb begin
    bits_o = '0;
    for (int unsigned word = 0; word < Words; word = word + 1)
      for (int unsigned plane = 0; plane < ActBits; plane = plane + 1)
        if (plane_i == PlaneBits'(plane)) bits_o[word] = bits_o[word] | words_i[(word+1)*ActBits-1-plane];
  end

endmodule
