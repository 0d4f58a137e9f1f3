#include "model/device.hpp"

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

namespace sparsecim {
namespace {

/// LibTorch's CUDA half registers itself when it is opened; the RPATH of this library says where it lies.
Result<void> open_cuda() {
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr)
    return fail(Remedy{"run tools/setup --gpu, or use --device cpu"}, "no CUDA half of LibTorch: {}", ::dlerror());
  if (!at::globalContext().hasCUDA()) return fail(Remedy{"use --device cpu"}, "no GPU that CUDA can use");
  return {};
}

}  // namespace

Result<Compute> choose_compute(const std::string& device, const std::string& dtype) {
  Compute compute;
  if (dtype == "bfloat16") {
    compute.dtype = at::kBFloat16;
  } else if (dtype != "float32") {
    return fail(Remedy{"use float32 or bfloat16"}, "unknown type '{}'", dtype);
  }
  if (device == "cpu") return compute;
  if (device != "cuda" && device != "auto") return fail(Remedy{"use cpu, cuda or auto"}, "unknown device '{}'", device);
  const Result<void> cuda = open_cuda();
  if (!cuda && device == "cuda") return tl::unexpected(cuda.error());
  if (cuda) compute.device = at::Device(at::kCUDA, 0);
  return compute;
}

Result<Arithmetic> choose_arithmetic(const std::string& arithmetic, const Compute& compute) {
  if (arithmetic == "float") return Arithmetic::kFloat;
  if (arithmetic != "int8" && arithmetic != "flexcim" && arithmetic != "analog")
    return fail(Remedy{"use float, int8, flexcim or analog"}, "unknown arithmetic '{}'", arithmetic);
  if (compute.device.is_cpu() && compute.dtype == at::kFloat) return Arithmetic::kInt8;
  return fail(Remedy{"use --device cpu --dtype float32 with it"},
              "{} arithmetic runs on the CPU, and what lies between its products in float32", arithmetic);
}

void synchronise(at::Device device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

}  // namespace sparsecim
