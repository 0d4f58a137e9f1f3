#include "checkpoint/safetensors.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/json.hpp"

// The format: https://huggingface.co/docs/safetensors, "Format": uint64 length of the header, JSON header, data.

namespace sparsecim {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // the reference implementation's limit

struct Sections {
  std::string_view header;
  std::span<const std::byte> data;
};

Result<Sections> split(std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) return fail("{} bytes are too few for a safetensors file", file.size());
  const auto length = load<std::uint64_t>(file.data());
  if (length > kLargestHeader || length > file.size() - kLengthBytes)
    return fail(Remedy{"get the file again"}, "the header's length {} does not fit the file's {} bytes", length,
                file.size());
  const auto header = file.subspan(kLengthBytes, length);
  return Sections{{reinterpret_cast<const char*>(header.data()), header.size()}, file.subspan(kLengthBytes + length)};
}

Result<std::vector<std::int64_t>> shape_of(const Json& entry) {
  if (!has(entry, "shape") || !entry["shape"].is_array()) return fail("no 'shape'");
  std::vector<std::int64_t> shape;
  for (const Json& size : entry["shape"]) {
    SC_TRY_ASSIGN(const std::int64_t value, get_integer(Json{{"shape", size}}, "shape", 0, INT64_MAX));
    shape.push_back(value);
  }
  return shape;
}

Result<std::span<const std::byte>> bytes_of(const Json& entry, std::span<const std::byte> data) {
  if (!has(entry, "data_offsets") || !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2)
    return fail("no 'data_offsets' of two numbers");
  const Json offsets = {{"data_offsets[0]", entry["data_offsets"][0]}, {"data_offsets[1]", entry["data_offsets"][1]}};
  const auto size = static_cast<std::int64_t>(data.size());
  SC_TRY_ASSIGN(const std::int64_t end, get_integer(offsets, "data_offsets[1]", 0, size));
  SC_TRY_ASSIGN(const std::int64_t begin, get_integer(offsets, "data_offsets[0]", 0, end));
  return data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

Result<SafetensorsEntry> entry_of(const std::string& name, const Json& json, std::span<const std::byte> data) {
  SafetensorsEntry entry{.name = name};
  SC_TRY_ASSIGN(entry.dtype, get_string(json, "dtype"));
  SC_TRY_ASSIGN(entry.shape, shape_of(json));
  SC_TRY_ASSIGN(entry.bytes, bytes_of(json, data));
  return entry;
}

Result<StoredTensor> tensor_of(const SafetensorsEntry& entry) {
  const auto storage = storage_by_name(entry.dtype);
  if (!storage || traits(*storage).block_elements != 1)
    return fail("type '{}' is not read; F32, F16 and BF16 are", entry.dtype);
  StoredTensor tensor{.info = {entry.name, entry.shape, entry.dtype, 0}, .storage = *storage, .bytes = entry.bytes};
  SC_TRY_ASSIGN(tensor.info.bytes, stored_bytes(*storage, tensor.info.shape));
  if (tensor.info.bytes != tensor.bytes.size())
    return fail("its shape needs {} bytes, the header gives {}", tensor.info.bytes, tensor.bytes.size());
  return tensor;
}

/// The data are the tensors' bytes and nothing else.
Result<void> check_cover(std::span<const SafetensorsEntry> tensors, std::span<const std::byte> data) {
  const std::byte* next = data.data();
  for (const SafetensorsEntry& tensor : tensors) {
    const std::byte* begin = tensor.bytes.data();
    if (begin != next)
      return fail("tensor '{}': its bytes {}", tensor.name,
                  begin < next ? "overlap another tensor's" : "begin behind a gap");
    next = begin + tensor.bytes.size();
  }
  const auto rest = data.data() + data.size() - next;
  return rest == 0 ? Result<void>() : fail("{} bytes at the end belong to no tensor", rest);
}

/// In the order of their bytes, which are not yet known to cover the data.
Result<std::vector<SafetensorsEntry>> listed_entries(const Sections& sections) {
  SC_TRY_ASSIGN(const Json header, within("header", parse_json(sections.header)));
  if (!header.is_object()) return fail("the header is not a JSON object");
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name == "__metadata__") continue;
    SC_TRY_ASSIGN(SafetensorsEntry entry,
                  within(fmt::format("tensor '{}'", name), entry_of(name, json, sections.data)));
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, [](const SafetensorsEntry& entry) {  // an empty one in front of what begins there too
    return std::pair(entry.bytes.data(), entry.bytes.size());
  });
  return entries;
}

}  // namespace

Result<std::vector<SafetensorsEntry>> safetensors_entries(std::span<const std::byte> file) {
  SC_TRY_ASSIGN(const Sections sections, split(file));
  SC_TRY_ASSIGN(std::vector<SafetensorsEntry> entries, listed_entries(sections));
  SC_TRY(check_cover(entries, sections.data));
  return entries;
}

Result<std::vector<StoredTensor>> parse_safetensors(std::span<const std::byte> file) {
  SC_TRY_ASSIGN(const Sections sections, split(file));
  SC_TRY_ASSIGN(const std::vector<SafetensorsEntry> entries, listed_entries(sections));
  std::vector<StoredTensor> tensors;
  for (const SafetensorsEntry& entry : entries) {
    SC_TRY_ASSIGN(StoredTensor tensor, within(fmt::format("tensor '{}'", entry.name), tensor_of(entry)));
    tensors.push_back(std::move(tensor));
  }
  SC_TRY(check_cover(entries, sections.data));
  return tensors;
}

std::string safetensors_header(std::span<const TensorInfo> tensors,
                               const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorInfo& tensor : tensors) {
    header[tensor.name] = {
        {"dtype", tensor.storage}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text;
}

}  // namespace sparsecim
