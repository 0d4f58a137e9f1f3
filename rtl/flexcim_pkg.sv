/// What the modules of FlexCiM share: the names of the pair selections, and which layouts of blocks there are
/// (docs/flexcim.md, "Storage"). All of it is worked out at elaboration.
package flexcim_pkg;

  // How a kept weight's cell gets its input (parameter PairSelect).
  localparam int unsigned BitserialPerCell = 0;  // rows carry M one-bit lines, the cell picks one
  localparam int unsigned ColumnPipelined = 1;   // units put pairs of words on the lines, a column after the other
  localparam int unsigned PerColumn = 2;         // a unit in every column
  localparam int unsigned SharedPairs = 3;       // groups of columns share their pairs
  localparam int unsigned BitserialPerGroup = 4; // and pick them from the row's one-bit lines

  /// Whether rows carry bit planes of their blocks, and not whole words.
  function automatic bit by_plane(input int unsigned pair_select);
    by_plane = pair_select == BitserialPerCell || pair_select == BitserialPerGroup;
  endfunction

  /// Whether groups of columns have pair bits in common.
  function automatic bit shares_pairs(input int unsigned pair_select);
    shares_pairs = pair_select == SharedPairs || pair_select == BitserialPerGroup;
  endfunction

  function automatic int unsigned divide_up(input int unsigned value, input int unsigned by);
    divide_up = (value + by - 1) / by;
  endfunction

  function automatic int unsigned at_least_one(input int unsigned value);
    at_least_one = value == 0 ? 1 : value;
  endfunction

  /// N of the mode that lays out its blocks like N: modes with one block to a row position differ in empty slots only,
  /// and so do those with one block to two row positions.
  function automatic int unsigned layout_n(input int unsigned n, input int unsigned sub_macros, input bit any_n);
    if (any_n) layout_n = n;
    else if (n > sub_macros) layout_n = 2 * sub_macros;
    else layout_n = sub_macros / n == 1 ? sub_macros : n;
  endfunction

  /// Whether some mode N:M with M = 2^log_m lays out its blocks as `layout` slots; dense is 1:1.
  function automatic bit has_layout(input int unsigned layout, input int unsigned log_m, input int unsigned sub_macros,
                                    input bit any_n);
    has_layout = log_m == 0 && layout == 1;
    for (int unsigned n = 1; n < (32'd1 << log_m); n = n + 1)
      if (layout_n(n, sub_macros, any_n) == layout) has_layout = 1'b1;
  endfunction

  /// Pairs of a layout and an M that exist, numbered from 0 by this order.
  function automatic int unsigned count_sources(input int unsigned max_m, input int unsigned sub_macros,
                                                input bit any_n);
    count_sources = 0;
    for (int unsigned layout = 1; layout <= 2 * sub_macros; layout = layout + 1)
      for (int unsigned log_m = 0; (32'd1 << log_m) <= max_m; log_m = log_m + 1)
        if (has_layout(layout, log_m, sub_macros, any_n)) count_sources = count_sources + 1;
  endfunction

  /// Of source number `source`: {layout, log_m}, 16 bits each.
  function automatic int unsigned source_at(input int unsigned source, input int unsigned max_m,
                                            input int unsigned sub_macros, input bit any_n);
    int unsigned number;
    number = 0;
    source_at = 0;
    for (int unsigned layout = 1; layout <= 2 * sub_macros; layout = layout + 1)
      for (int unsigned log_m = 0; (32'd1 << log_m) <= max_m; log_m = log_m + 1)
        if (has_layout(layout, log_m, sub_macros, any_n)) begin
          if (number == source) source_at = (layout << 16) | log_m;
          number = number + 1;
        end
  endfunction

endpackage
