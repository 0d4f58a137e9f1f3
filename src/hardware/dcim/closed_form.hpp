#pragma once

#include "hardware/dcim/schedule.hpp"

namespace sparsecim {

/// Formulas: the time of an operation does not grow with its tokens or tiles.
class ClosedForm : public Schedule {
 public:
  std::unique_ptr<Schedule> clone() const override { return std::make_unique<ClosedForm>(*this); }
  Timed linear(const LinearWork& work) override;
  Timed vector(std::int64_t cycles) override;

 private:
  std::int64_t now_ = 0;       // the end of the operation before
  std::int64_t switched_ = 0;  // when its last tiles began to work, and the other set of cells became free
};

}  // namespace sparsecim
