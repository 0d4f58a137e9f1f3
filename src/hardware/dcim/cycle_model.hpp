#pragma once

#include "hardware/dcim/macro_calendar.hpp"
#include "hardware/dcim/schedule.hpp"

namespace sparsecim {

/// Walks every repetition, chunk, step and pass over a calendar of what is busy until when, from event to event. When
/// the calendar is the same as one repetition (chunk, step, pass) before, but for being later, the rest that is alike
/// is skipped: the cost grows with the changes of a schedule, not with its tokens.
class CycleModel : public Schedule {
 public:
  enum class Walk { kUntilItRepeats, kEveryPass };
  explicit CycleModel(Walk walk = Walk::kUntilItRepeats) : walk_(walk) {}

  std::unique_ptr<Schedule> clone() const override { return std::make_unique<CycleModel>(*this); }
  Timed linear(const LinearWork& work) override;
  Timed vector(std::int64_t cycles) override;

 private:
  Walk walk_;
  std::int64_t now_ = 0;
  MacroCalendar calendar_;
};

}  // namespace sparsecim
