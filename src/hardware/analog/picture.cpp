// Pictures of arrays, and streams of single operations.

#include <algorithm>
#include <cmath>

#include "hardware/analog/picture.hpp"

namespace sparsecim {
namespace {

constexpr double kGap = 24, kTitle = 40, kPicturesWidth = 1120, kLegendLine = 18;
constexpr std::size_t kLegendColumns = 3;
constexpr std::int64_t kMostArraysOfElements = 2;  // half a megabyte each

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
      : work_(work), workload_(workload), arrays_(std::min(arrays, work.plan.placed.arrays)) {
    if (work.plan.matrices.front().stages.front()->mapping() == CellMapping::kDenseElements) {
      arrays_ = std::min(arrays_, kMostArraysOfElements);
      across_ = kMostArraysOfElements;
    }
  }

  std::string svg() {
    std::string drawn;
    for (std::int64_t array = 0; array < arrays_; ++array) drawn += frame(array);
    for (std::size_t m = 0; m < work_.plan.matrices.size(); ++m)
      for (std::size_t s = 0; s < work_.plan.matrices[m].stages.size(); ++s) add_stage(m, s, drawn);
    const double width = kGap + kPicturesWidth;
    const double down = std::ceil(static_cast<double>(arrays_) / static_cast<double>(across_));
    const double top = down * (side() + kTitle) + kGap;
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n{2}{3}</svg>\n",
        width, top + static_cast<double>(legend_lines() + 1) * kLegendLine, drawn, legend(top));
  }

 private:
  double side() const { return kPicturesWidth / static_cast<double>(across_) - kGap; }
  double left(std::int64_t array) const { return kGap + static_cast<double>(array % across_) * (side() + kGap); }
  double top(std::int64_t array) const {
    const std::int64_t row = array / across_;
    return kTitle + static_cast<double>(row) * (side() + kTitle);
  }

  std::string frame(std::int64_t array) const {
    return fmt::format(
        "<text x=\"{0}\" y=\"{1}\">array {2}, {5} x {6}</text><rect x=\"{0}\" y=\"{3}\" width=\"{4}\" "
        "height=\"{4}\" fill=\"#f1f1ee\" stroke=\"#999\"/>\n",
        left(array), top(array) - 6, array, top(array), side(), work_.plan.array.rows, work_.plan.array.columns);
  }

  void add_stage(std::size_t matrix, std::size_t stage, std::string& drawn) {
    const Layout& layout = *work_.plan.matrices[matrix].stages[stage];
    for (std::int64_t tile = 0; tile < layout.tiles(); ++tile) {
      const TilePlace& at = work_.plan.placed.places[matrix][stage][static_cast<std::size_t>(tile)];
      if (at.array < arrays_) add_tile(matrix, stage, tile, at, drawn);
    }
  }

  /// A path for each step, lighter from step to step, that says on hover what it is.
  void add_tile(std::size_t matrix, std::size_t stage, std::int64_t tile, const TilePlace& at, std::string& drawn) {
    const Layout& layout = *work_.plan.matrices[matrix].stages[stage];
    const std::string name = stage_title(work_, workload_, matrix, stage);
    const std::string color = stage_color(work_, matrix, stage);
    if (std::ranges::find(shown_, name, &Shown::name) == shown_.end()) shown_.push_back({name, color});
    drawn += fmt::format("<g transform=\"translate({} {}) scale({:.6g} {:.6g})\" fill=\"{}\">", left(at.array),
                         top(at.array), side() / static_cast<double>(work_.plan.array.columns),
                         side() / static_cast<double>(work_.plan.array.rows), color);
    for (std::int64_t s = 0; s < layout.steps(tile); ++s) {
      const double shade = 1 - 0.7 * static_cast<double>(s) / static_cast<double>(layout.steps(tile));
      drawn += fmt::format("<path class=\"mark\" fill-opacity=\"{:.2f}\" d=\"", shade);
      for (const CellRectangle& r : rectangles_of(layout, layout.step(tile, at.diagonal, s)))
        drawn += fmt::format("M{} {}h{}v{}h-{}z", r.column, r.row, r.columns, r.rows, r.columns);
      drawn += fmt::format("\"><title>{}: tile {} at diagonal {}, step {} of {}</title></path>\n", xml_text(name), tile,
                           at.diagonal, s + 1, layout.steps(tile));
    }
    drawn += "</g>\n";
  }

  std::string legend(double top) const {
    std::string text;
    const double width = kPicturesWidth / static_cast<double>(kLegendColumns);
    for (std::size_t i = 0; i < shown_.size(); ++i) {
      const std::size_t column = i / legend_lines();
      const double x = kGap + width * static_cast<double>(column);
      const double y = top + kLegendLine * static_cast<double>(i % legend_lines());
      text += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n", x, y,
          shown_[i].color, x + kLegendLine, y + 10, xml_text(shown_[i].name));
    }
    return text;
  }
  std::size_t legend_lines() const { return (shown_.size() + kLegendColumns - 1) / kLegendColumns; }

  struct Shown {
    std::string name;
    std::string color;
  };

  const AnalogWork& work_;
  const Workload& workload_;
  std::int64_t arrays_, across_ = 4;
  std::vector<Shown> shown_;
};

}  // namespace

Result<const AnalogMachine*> analog_of(const Machine& machine) {
  const auto* analog = dynamic_cast<const AnalogMachine*>(&machine);
  if (!analog) return fail(Remedy{"use --arch analog"}, "{} has no analog arrays", machine.kind());
  return analog;
}

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

std::string stage_title(const AnalogWork& work, const Workload& workload, std::size_t matrix, std::size_t stage) {
  const std::string& name = workload.operations[work.operations[matrix]].name;
  if (work.plan.matrices[matrix].stages.size() == 1) return name;
  return name + (stage == 0 ? ", right factor" : ", left factor");
}

std::string stage_color(const AnalogWork& work, std::size_t matrix, std::size_t stage) {
  constexpr double kGoldenAngle = 137.508;  // degrees: numbers near each other, and those a layer apart, look different
  std::size_t number = stage;
  for (std::size_t m = 0; m < matrix; ++m) number += work.plan.matrices[m].stages.size();
  return fmt::format("hsl({:.0f} 58% 45%)", std::fmod(static_cast<double>(number) * kGoldenAngle, 360));
}

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
  if (work.plan.matrices.empty()) return fail("no operation of {} is on arrays", workload.name);
  return ArrayPicture(work, workload, arrays).svg();
}

}  // namespace sparsecim
