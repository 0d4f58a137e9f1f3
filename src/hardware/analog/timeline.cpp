// When arrays work for what, as a picture.

#include <algorithm>
#include <map>

#include "hardware/analog/picture.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kShownTokens = 3;
constexpr double kLaneLabel = 72, kLaneWidth = 1040, kLane = 16, kLaneGap = 4, kHead = 34, kFoot = 26;

/// One array at work for one stage and one token.
struct ArrayTurn {
  std::int64_t array = 0, start = 0, end = 0, token = 0, steps = 0;
  std::size_t matrix = 0, stage = 0;  // of the plan
};

/// Executes the first tokens of a phase by the clock, as time_of, and tells which commands are for what: the buffer
/// that is stored to says it.
class PhaseTurns {
 public:
  PhaseTurns(const AnalogWork& work, std::size_t phase, const ArrayTimes& times)
      : members_(work.phases[phase]), buffers_(buffers_of(work.plan, members_)), times_(times) {
    const CommandStream stream = schedule(work.plan, members_, kShownTokens);
    adcs_ = stream.adcs;
    for (const Command& command : stream.commands) follow(command);
  }

  const std::vector<ArrayTurn>& turns() const { return turns_; }
  std::int64_t total() const { return total_; }

 private:
  struct Clock {
    std::int64_t free = 0, planes = 0;
    std::int64_t began = 0;  // what is not yet known to be for anything
    std::size_t turn = SIZE_MAX;
  };

  void follow(const Command& command) {
    if (command.kind == Command::Kind::kBarrier) {
      barrier_ = total_;
      for (auto& [array, clock] : clocks_) clock.turn = SIZE_MAX;
      return;
    }
    Clock& clock = clocks_[command.array];
    if (command.kind == Command::Kind::kActivate) {
      clock.free = std::max(clock.free, barrier_);
      clock.began = clock.free;
      clock.planes = command.amount;
      clock.free += clock.planes * times_.read;
    } else if (command.kind == Command::Kind::kConvert) {
      clock.free += clock.planes * divide_up(command.cells.count, adcs_) * command.amount * times_.per_bit;
    } else {
      store(command, clock);
    }
    total_ = std::max(total_, clock.free);
  }

  void store(const Command& command, Clock& clock) {
    const std::int64_t within = command.buffer % buffers_.per_token() - 1;
    const auto stages = static_cast<std::int64_t>(buffers_.stages);
    const ArrayTurn turn{.array = command.array,
                         .start = clock.began,
                         .end = clock.free,
                         .token = command.buffer / buffers_.per_token(),
                         .steps = 1,
                         .matrix = members_[static_cast<std::size_t>(within / stages)],
                         .stage = static_cast<std::size_t>(within % stages)};
    clock.began = clock.free;
    if (clock.turn != SIZE_MAX) {
      ArrayTurn& last = turns_[clock.turn];
      if (last.matrix == turn.matrix && last.stage == turn.stage && last.token == turn.token) {
        last.end = turn.end;
        ++last.steps;
        return;
      }
    }
    clock.turn = turns_.size();
    turns_.push_back(turn);
  }

  const std::vector<std::size_t>& members_;
  PhaseBuffers buffers_;
  ArrayTimes times_;
  std::int64_t adcs_ = 1, barrier_ = 0, total_ = 0;
  std::map<std::int64_t, Clock> clocks_;
  std::vector<ArrayTurn> turns_;
};

class TimelinePicture {
 public:
  TimelinePicture(const AnalogWork& work, const Workload& workload, std::int64_t arrays, double step_ns)
      : work_(work), workload_(workload), arrays_(std::min(arrays, work.plan.placed.arrays)), step_ns_(step_ns) {}

  std::string svg(std::size_t phases, const ArrayTimes& times) {
    phases = std::min(phases, work_.phases.size());
    std::vector<PhaseTurns> all;
    std::int64_t total = 0;
    for (std::size_t phase = 0; phase < phases; ++phase) total += all.emplace_back(work_, phase, times).total();
    per_step_ = kLaneWidth / static_cast<double>(total);
    std::string drawn = lanes();
    std::int64_t start = 0;
    for (std::size_t phase = 0; phase < phases; ++phase) {
      drawn += phase_head(phase, start);
      for (const ArrayTurn& turn : all[phase].turns())
        if (turn.array < arrays_) drawn += mark(turn, start);
      start += all[phase].total();
    }
    drawn += fmt::format("<text x=\"{}\" y=\"{:.0f}\" text-anchor=\"end\">{:.4g} ns</text>\n", kLaneLabel + kLaneWidth,
                         height() - 8, static_cast<double>(total) * step_ns_);
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
        "height=\"{1:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n{2}</svg>\n",
        kLaneLabel + kLaneWidth + 8, height(), drawn);
  }

 private:
  double top(std::int64_t array) const { return kHead + static_cast<double>(array) * (kLane + kLaneGap); }
  double height() const { return top(arrays_) + kFoot; }
  double x(std::int64_t steps) const { return kLaneLabel + static_cast<double>(steps) * per_step_; }

  std::string lanes() const {
    std::string text;
    for (std::int64_t array = 0; array < arrays_; ++array)
      text += fmt::format(
          "<text x=\"{}\" y=\"{:.0f}\" text-anchor=\"end\">array {}</text><rect x=\"{}\" y=\"{:.0f}\" width=\"{}\" "
          "height=\"{}\" fill=\"#f1f1ee\"/>\n",
          kLaneLabel - 6, top(array) + 12, array, kLaneLabel, top(array), kLaneWidth, kLane);
    return text;
  }

  /// Where the phase begins, with its first operation; names that do not fit are cut at the front.
  std::string phase_head(std::size_t phase, std::int64_t start) const {
    std::string name = workload_.operations[work_.first_operation(phase)].name;
    if (work_.n_operations(phase) > 1) name += fmt::format(" and {} more", work_.n_operations(phase) - 1);
    constexpr std::size_t kMostLetters = 24;
    if (name.size() > kMostLetters) name = "..." + name.substr(name.size() - kMostLetters);
    return fmt::format(
        "<line x1=\"{0:.2f}\" y1=\"12\" x2=\"{0:.2f}\" y2=\"{1:.0f}\" stroke=\"#999\"/><text x=\"{2:.2f}\" "
        "y=\"{3}\">{4}</text>\n",
        x(start), top(arrays_), x(start) + 4, phase % 2 == 0 ? 14 : 28, xml_text(name));
  }

  std::string mark(const ArrayTurn& turn, std::int64_t start) const {
    return fmt::format(
        "<rect class=\"mark\" x=\"{:.2f}\" y=\"{:.0f}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\" "
        "fill-opacity=\"{:.2f}\"><title>array {}: {}, token {}, {} step{}, {:.4g} to {:.4g} ns of its "
        "phase</title></rect>\n",
        x(start + turn.start), top(turn.array), static_cast<double>(turn.end - turn.start) * per_step_, kLane,
        stage_color(work_, turn.matrix, turn.stage), 1 - 0.25 * static_cast<double>(turn.token), turn.array,
        xml_text(stage_title(work_, workload_, turn.matrix, turn.stage)), turn.token + 1, turn.steps,
        turn.steps == 1 ? "" : "s", static_cast<double>(turn.start) * step_ns_,
        static_cast<double>(turn.end) * step_ns_);
  }

  const AnalogWork& work_;
  const Workload& workload_;
  std::int64_t arrays_;
  double step_ns_, per_step_ = 0;
};

}  // namespace

Result<std::string> analog_timeline(const Machine& machine, const Workload& workload, std::int64_t arrays,
                                    std::size_t phases) {
  SC_TRY_ASSIGN(const AnalogMachine* analog, analog_of(machine));
  SC_TRY_ASSIGN(const AnalogWork work, analog->place_all(workload));
  if (work.plan.matrices.empty()) return fail("no operation of {} is on arrays", workload.name);
  return TimelinePicture(work, workload, arrays, analog->step_ns()).svg(phases, analog->times());
}

}  // namespace sparsecim
