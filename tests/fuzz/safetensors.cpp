// safetensors: what is accepted is read, and found again behind a header that we write for it.

#include "checkpoint/safetensors.hpp"

#include "base/check.hpp"
#include "input.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {
namespace {

void check_written(const std::vector<StoredTensor>& tensors) {
  std::vector<TensorInfo> infos;
  std::string data;
  for (const StoredTensor& tensor : tensors) {
    infos.push_back(tensor.info);
    data.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  const std::string file = safetensors_header(infos, {{"format", "pt"}}) + data;
  const auto again = parse_safetensors(bytes_of(file)).value();
  SC_CHECK(again.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor* same = nullptr;  // empty tensors have no order
    for (const StoredTensor& tensor : again)
      if (tensor.info.name == tensors[i].info.name) same = &tensor;
    SC_CHECK(same && same->info.shape == tensors[i].info.shape && same->storage == tensors[i].storage);
    SC_CHECK(std::ranges::equal(same->bytes, tensors[i].bytes));
  }
}

}  // namespace

void safetensors(std::string_view input) {
  if (const auto entries = safetensors_entries(bytes_of(input)))
    for (const SafetensorsEntry& entry : *entries)
      SC_CHECK(entry.bytes.size() <= input.size() &&
               entry.bytes.data() + entry.bytes.size() <= bytes_of(input).data() + input.size());
  const auto tensors = parse_safetensors(bytes_of(input));
  if (!tensors) return;
  for (const StoredTensor& tensor : *tensors) {
    std::vector<float> values(static_cast<std::size_t>(tensor.info.elements()));
    dequantise(tensor.storage, tensor.bytes, values);
  }
  check_written(*tensors);
}

}  // namespace sparsecim::fuzz
