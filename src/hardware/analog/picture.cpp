// Pictures of arrays, and streams of single operations.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "hardware/analog/machine.hpp"

namespace sparsecim {
namespace {

constexpr double kArraySide = 256, kGap = 24, kTitle = 40, kPicturesAcross = 4, kLegendLine = 18;
constexpr std::string_view kPictureColors[] = {"#2a6f97", "#c1121f", "#2a9d8f", "#e09f3e", "#6a4c93", "#588157",
                                               "#bc6c25", "#8d99ae", "#d6336c", "#3a86ff", "#606c38", "#9d4edd"};

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

/// The cells of one step of a tile, as rectangles: runs of cells along rows that follow each other.
struct CellRectangle {
  std::int64_t row = 0, column = 0, rows = 0, columns = 0;
};

/// Of a step whose rows and columns are all in one piece, one; else one for each place where they cross.
std::vector<CellRectangle> rectangles_of(const Layout& layout, const LayoutStep& step) {
  std::vector<CellRectangle> rectangles;
  const ArrayStage& stage = layout.stage();
  if (layout.mapping() == CellMapping::kSparse) {
    for (std::int64_t row = 0, column = 0; row < step.rows.count; row += stage.inputs, column += stage.outputs)
      rectangles.push_back({row, column, stage.inputs, stage.outputs});
  } else if (step.rows.stride == 1 && step.columns.stride == 1) {
    rectangles.push_back({step.rows.first, step.columns.first, step.rows.count, step.columns.count});
  } else {
    for (std::int64_t r = 0; r < step.rows.count; ++r)
      for (std::int64_t c = 0; c < step.columns.count; ++c)
        rectangles.push_back({step.rows.at(r), step.columns.at(c), 1, 1});
  }
  return rectangles;
}

class ArrayPicture {
 public:
  ArrayPicture(const AnalogWork& work, const Workload& workload, std::int64_t arrays)
      : work_(work), workload_(workload), arrays_(std::min(arrays, work.plan.placed.arrays)) {}

  std::string svg() {
    std::string drawn;
    for (std::int64_t array = 0; array < arrays_; ++array) drawn += frame(array);
    for (std::size_t m = 0; m < work_.plan.matrices.size(); ++m)
      for (std::size_t s = 0; s < work_.plan.matrices[m].stages.size(); ++s) add_stage(m, s, drawn);
    const double across = std::min<double>(kPicturesAcross, static_cast<double>(arrays_));
    const double width = kGap + across * (kArraySide + kGap);
    const double down = std::ceil(static_cast<double>(arrays_) / kPicturesAcross);
    const double top = down * (kArraySide + kTitle) + kGap;
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n{2}{3}</svg>\n",
        width, top + static_cast<double>(colors_.size() + 1) * kLegendLine, drawn, legend(top));
  }

 private:
  double left(std::int64_t array) const {
    return kGap + static_cast<double>(array % static_cast<std::int64_t>(kPicturesAcross)) * (kArraySide + kGap);
  }
  double top(std::int64_t array) const {
    const std::int64_t row = array / static_cast<std::int64_t>(kPicturesAcross);
    return kTitle + static_cast<double>(row) * (kArraySide + kTitle);
  }

  std::string frame(std::int64_t array) const {
    return fmt::format(
        "<text x=\"{0}\" y=\"{1}\">array {2}, {5} x {6}</text><rect x=\"{0}\" y=\"{3}\" width=\"{4}\" "
        "height=\"{4}\" fill=\"#f1f1ee\" stroke=\"#999\"/>\n",
        left(array), top(array) - 6, array, top(array), kArraySide, work_.plan.array.rows, work_.plan.array.columns);
  }

  void add_stage(std::size_t matrix, std::size_t stage, std::string& drawn) {
    const Layout& layout = *work_.plan.matrices[matrix].stages[stage];
    for (std::int64_t tile = 0; tile < layout.tiles(); ++tile) {
      const TilePlace& at = work_.plan.placed.places[matrix][stage][static_cast<std::size_t>(tile)];
      if (at.array < arrays_) add_tile(matrix, stage, tile, at, drawn);
    }
  }

  /// One group for each step, lighter from step to step, that says on hover what it is.
  void add_tile(std::size_t matrix, std::size_t stage, std::int64_t tile, const TilePlace& at, std::string& drawn) {
    const Layout& layout = *work_.plan.matrices[matrix].stages[stage];
    const std::string name = title_of(matrix, stage);
    const std::string_view color = color_of(name);
    const double x = kArraySide / static_cast<double>(work_.plan.array.columns);
    const double y = kArraySide / static_cast<double>(work_.plan.array.rows);
    for (std::int64_t s = 0; s < layout.steps(tile); ++s) {
      const double shade = 1 - 0.7 * static_cast<double>(s) / static_cast<double>(layout.steps(tile));
      drawn += fmt::format("<path fill=\"{}\" fill-opacity=\"{:.2f}\" d=\"", color, shade);
      for (const CellRectangle& r : rectangles_of(layout, layout.step(tile, at.diagonal, s)))
        drawn +=
            fmt::format("M{:.6g} {:.6g}h{:.6g}v{:.6g}h-{:.6g}z", left(at.array) + x * static_cast<double>(r.column),
                        top(at.array) + y * static_cast<double>(r.row), x * static_cast<double>(r.columns),
                        y * static_cast<double>(r.rows), x * static_cast<double>(r.columns));
      drawn += fmt::format("\"><title>{}: tile {} at diagonal {}, step {} of {}</title></path>\n", xml_text(name), tile,
                           at.diagonal, s + 1, layout.steps(tile));
    }
  }

  std::string title_of(std::size_t matrix, std::size_t stage) const {
    const std::string& name = workload_.operations[work_.operations[matrix]].name;
    if (work_.plan.matrices[matrix].stages.size() == 1) return name;
    return name + (stage == 0 ? ", right factor" : ", left factor");
  }

  std::string_view color_of(const std::string& name) {
    const auto found = colors_.find(name);
    if (found != colors_.end()) return found->second;
    order_.push_back(name);
    return colors_[name] = kPictureColors[colors_.size() % std::size(kPictureColors)];
  }

  std::string legend(double top) const {
    std::string text;
    for (const std::string& name : order_) {
      text += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n", kGap,
          top, colors_.at(name), kGap + kLegendLine, top + 10, xml_text(name));
      top += kLegendLine;
    }
    return text;
  }

  const AnalogWork& work_;
  const Workload& workload_;
  std::int64_t arrays_;
  std::map<std::string, std::string_view> colors_;
  std::vector<std::string> order_;
};

Result<const AnalogMachine*> analog_of(const Machine& machine) {
  const auto* analog = dynamic_cast<const AnalogMachine*>(&machine);
  if (!analog) return fail(Remedy{"use --arch analog"}, "{} has no analog arrays", machine.kind());
  return analog;
}

}  // namespace

std::string first_matrix(const Workload& workload) {
  const auto found = std::ranges::find(workload.operations, Operation::Kind::kLinear, &Operation::kind);
  return found == workload.operations.end() ? std::string() : found->name;
}

Result<CommandStream> analog_stream(const Machine& machine, const Workload& workload, std::string_view operation) {
  SC_TRY_ASSIGN(const AnalogMachine* analog, analog_of(machine));
  SC_TRY_ASSIGN(const AnalogWork work, analog->place_all(workload));
  for (const std::vector<std::size_t>& phase : work.phases)
    for (const std::size_t matrix : phase)
      if (workload.operations[work.operations[matrix]].name == operation) return schedule(work.plan, phase, 1);
  return fail(Remedy{fmt::format("the first is {}", first_matrix(workload))}, "no operation '{}' on arrays", operation);
}

Result<std::string> analog_picture(const Machine& machine, const Workload& workload, std::int64_t arrays) {
  SC_TRY_ASSIGN(const AnalogMachine* analog, analog_of(machine));
  SC_TRY_ASSIGN(const AnalogWork work, analog->place_all(workload));
  return ArrayPicture(work, workload, arrays).svg();
}

}  // namespace sparsecim
