/// Adders as ripple-carry chains, for Yosys' techmap: what the cost table's gate model builds them of. An adder's carries are
/// one AND-OR a bit, and nothing is spent on speed.
(* techmap_celltype = "$alu" *)
module ripple_alu (A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  input CI, BI;
  output [Y_WIDTH-1:0] X, Y, CO;

  wire [Y_WIDTH-1:0] a, b, inverted;
  wire [Y_WIDTH:0] carries;

  \$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_a (.A(A), .Y(a));
  \$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_b (.A(B), .Y(b));
  assign inverted = b ^ {Y_WIDTH{BI}};
  assign X = a ^ inverted;
  assign carries[0] = CI;
  assign carries[Y_WIDTH:1] = (a & inverted) | (X & carries[Y_WIDTH-1:0]);
  assign Y = X ^ carries[Y_WIDTH-1:0];
  assign CO = carries[Y_WIDTH:1];
endmodule
