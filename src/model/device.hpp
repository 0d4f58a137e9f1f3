#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <memory>
#include <new>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "model/weight_rounding.hpp"

namespace sparsecim {

class AnalogArithmetic;
class FlexcimArithmetic;

/// How products with weights are computed.
enum class Arithmetic {
  kFloat,  // in the compute type
  kInt8,   // as 8-bit macros do: weights by output row, activations by token, exact 32-bit sums (kernels/)
};

/// Where, in which type and in which arithmetic a model computes.
struct Compute {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  Arithmetic arithmetic = Arithmetic::kFloat;
  /// With kInt8: the macros that the weights lie in, which check a sample of the products
  /// (model/flexcim_arithmetic.hpp).
  std::shared_ptr<FlexcimArithmetic> flexcim = nullptr;
  /// With kInt8: the analog arrays that the decoder blocks' matrices lie in (model/analog_arithmetic.hpp); the head is
  /// computed in exact 8-bit arithmetic.
  std::shared_ptr<AnalogArithmetic> analog = nullptr;
  /// With kFloat: the decoder blocks' matrices as they are when stored in few bits.
  std::optional<WeightRounding> rounding = std::nullopt;
};

/// `device`: cpu, cuda, or auto (cuda where there is one); `dtype`: float32 or bfloat16. libtorch_cuda is opened only
/// when a GPU is asked for. Errors: another name; cuda where there is no GPU or no libtorch_cuda.
Result<Compute> choose_compute(const std::string& device, const std::string& dtype);
/// `arithmetic`: float, int8, or flexcim and analog, which are int8 with Compute::flexcim or Compute::analog. Errors:
/// another name; 8 bits elsewhere than on the CPU in float32.
Result<Arithmetic> choose_arithmetic(const std::string& arithmetic, const Compute& compute);

/// Waits until the device has done what it was given: for clocks.
void synchronise(at::Device device);

/// What the error of guarded() ends in where memory ran out.
inline constexpr const char* kOutOfMemory = "out of memory";
/// What it begins with where LibTorch failed otherwise.
inline constexpr const char* kLibTorchFailed = "LibTorch: ";

/// Runs `body`, which returns a Result; a LibTorch exception (out of memory, a failed kernel) becomes its error. This
/// is the door of the rooms that use LibTorch. No gradients are recorded inside.
template <class Body>
auto guarded(Body body) -> decltype(body()) {
  const c10::InferenceMode no_gradients;
  try {
    return body();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    if (what.find("allocate memory") != std::string::npos || what.find(kOutOfMemory) != std::string::npos)
      return fail(Remedy{"use a smaller --context, fewer --samples or a machine with more"}, kOutOfMemory);
    return fail("{}{}", kLibTorchFailed, what.substr(0, what.find('\n')));
  } catch (const std::bad_alloc&) {
    return fail(Remedy{"use a smaller --context, fewer --samples or a machine with more"}, kOutOfMemory);
  }
}

}  // namespace sparsecim
