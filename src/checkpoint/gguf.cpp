#include "checkpoint/gguf.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "checkpoint/byte_reader.hpp"

namespace sparsecim {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kMostDimensions = 4;  // GGML_MAX_DIMS

/// Bytes of a value of fixed size; 0 for strings and arrays; nothing for a type that does not exist.
std::optional<std::uint64_t> fixed_bytes(std::uint32_t type) {
  constexpr std::array<std::uint64_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  if (type >= kBytes.size()) return std::nullopt;
  return kBytes[type];
}

/// ggml_type, by number: those that published files use.
constexpr std::array<std::string_view, 40> kTypeNames = {
    "F32",    "F16",   "Q4_0",  "Q4_1",   "",      "",      "Q5_0",    "Q5_1",   "Q8_0",    "Q8_1",
    "Q2_K",   "Q3_K",  "Q4_K",  "Q5_K",   "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
    "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",    "I16",   "I32",     "I64",    "F64",     "IQ1_M",
    "BF16",   "",      "",      "",       "TQ1_0", "TQ2_0", "",        "",       "",        "MXFP4"};

std::string type_name(std::uint32_t type) {
  if (type < kTypeNames.size() && !kTypeNames[type].empty()) return std::string(kTypeNames[type]);
  return fmt::format("ggml type {}", type);
}

/// Walks over the strings of an array, to know where they end.
Result<void> skip_strings(ByteReader& reader, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) SC_TRY(reader.string());
  return {};
}

Result<GgufValue> read_value(ByteReader& reader, std::span<const std::byte> file) {
  GgufValue value;
  SC_TRY_ASSIGN(std::uint32_t type, reader.number<std::uint32_t>());
  if (type == static_cast<std::uint32_t>(GgufType::kArray)) {
    value.is_array = true;
    SC_TRY_ASSIGN(type, reader.number<std::uint32_t>());
    SC_TRY_ASSIGN(value.count, reader.number<std::uint64_t>());
  }
  const auto each_bytes = fixed_bytes(type);
  if (!each_bytes) return fail("type {} does not exist", type);
  value.type = static_cast<GgufType>(type);
  if (value.type == GgufType::kArray) return fail("arrays of arrays are not read");
  if (value.count > file.size()) return fail("{} elements do not fit the file", value.count);  // before it multiplies
  const std::uint64_t begin = reader.position();
  if (value.type == GgufType::kString) {
    SC_TRY(skip_strings(reader, value.count));
  } else {
    SC_TRY(reader.take(value.count * *each_bytes));
  }
  value.bytes = file.subspan(begin, reader.position() - begin);
  return value;
}

Result<void> read_metadata(ByteReader& reader, std::uint64_t count, std::span<const std::byte> file, Gguf& gguf) {
  for (std::uint64_t i = 0; i < count; ++i) {
    SC_TRY_ASSIGN(const std::string_view key, within(fmt::format("metadata {}", i), reader.string()));
    const std::string place = fmt::format("metadata '{}'", key);
    SC_TRY_ASSIGN(const GgufValue value, within(place, read_value(reader, file)));
    if (!gguf.metadata.emplace(key, value).second) return fail("{} is there twice", place);
  }
  return {};
}

/// A tensor's description, and where it says that its bytes begin in the data.
struct TensorHeader {
  StoredTensor tensor;
  std::uint64_t offset;
};

Result<std::vector<std::int64_t>> read_shape(ByteReader& reader) {
  SC_TRY_ASSIGN(const std::uint32_t n_dimensions, reader.number<std::uint32_t>());
  if (n_dimensions < 1 || n_dimensions > kMostDimensions)
    return fail("{} dimensions, outside 1 .. {}", n_dimensions, kMostDimensions);
  std::vector<std::int64_t> shape(n_dimensions);
  for (std::int64_t& size : shape) {
    SC_TRY_ASSIGN(size, reader.number<std::int64_t>());
    if (size < 1) return fail("a dimension of {}", static_cast<std::uint64_t>(size));
  }
  std::ranges::reverse(shape);  // the file has the innermost first
  return shape;
}

Result<TensorHeader> read_tensor(ByteReader& reader) {
  TensorHeader header{};
  TensorInfo& info = header.tensor.info;
  SC_TRY_ASSIGN(info.shape, read_shape(reader));
  SC_TRY_ASSIGN(const std::uint32_t type, reader.number<std::uint32_t>());
  const auto storage = storage_by_name(type_name(type));
  if (!storage)
    return fail(Remedy{fmt::format("convert it to one of {}", storage_names())}, "stored as {}, which is not read",
                type_name(type));
  header.tensor.storage = *storage;
  info.storage = traits(*storage).name;
  SC_TRY_ASSIGN(info.bytes, stored_bytes(*storage, info.shape));
  SC_TRY_ASSIGN(header.offset, reader.number<std::uint64_t>());
  return header;
}

Result<std::vector<TensorHeader>> read_tensors(ByteReader& reader, std::uint64_t count) {
  std::vector<TensorHeader> headers;
  for (std::uint64_t i = 0; i < count; ++i) {
    SC_TRY_ASSIGN(const std::string_view name, within(fmt::format("tensor {}", i), reader.string()));
    SC_TRY_ASSIGN(TensorHeader header, within(fmt::format("tensor '{}'", name), read_tensor(reader)));
    header.tensor.info.name = name;
    headers.push_back(std::move(header));
  }
  return headers;
}

Result<std::uint64_t> alignment_of(const Gguf& gguf) {
  const GgufValue* value = gguf.find("general.alignment");
  if (!value) return 32;  // GGUF_DEFAULT_ALIGNMENT
  SC_TRY_ASSIGN(const std::int64_t alignment, within("general.alignment", gguf_integer(*value)));
  if (alignment < 1 || alignment > (1 << 30) || !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
    return fail("general.alignment {} is no power of two", alignment);
  return static_cast<std::uint64_t>(alignment);
}

/// Finds each tensor's bytes in `data`.
Result<void> place(std::vector<TensorHeader> headers, std::span<const std::byte> data, std::uint64_t alignment,
                   Gguf& gguf) {
  for (auto& [tensor, offset] : headers) {
    const TensorInfo& info = tensor.info;
    if (offset % alignment != 0)
      return fail("tensor '{}': its offset {} is no multiple of {}", info.name, offset, alignment);
    if (offset > data.size() || info.bytes > data.size() - offset)
      return fail(Remedy{"get the file again"}, "tensor '{}': {} bytes at offset {} end beyond the file's {} of data",
                  info.name, info.bytes, offset, data.size());
    tensor.bytes = data.subspan(offset, info.bytes);
    gguf.tensors.push_back(std::move(tensor));
  }
  return {};
}

Result<void> check_overlaps(const std::vector<StoredTensor>& tensors) {
  std::vector<const StoredTensor*> sorted;
  for (const StoredTensor& tensor : tensors) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {}, [](const StoredTensor* tensor) { return tensor->bytes.data(); });
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i]->bytes.data() < sorted[i - 1]->bytes.data() + sorted[i - 1]->bytes.size())
      return fail("the bytes of '{}' and '{}' overlap", sorted[i - 1]->info.name, sorted[i]->info.name);
  return {};
}

Result<void> check_version(ByteReader& reader) {
  SC_TRY_ASSIGN(const std::uint32_t magic, reader.number<std::uint32_t>());
  if (magic != kMagic) return fail("not a GGUF file: it does not begin with 'GGUF'");
  SC_TRY_ASSIGN(const std::uint32_t version, reader.number<std::uint32_t>());
  if (version == __builtin_bswap32(2) || version == __builtin_bswap32(3)) return fail("big-endian GGUF is not read");
  if (version != 2 && version != 3)  // of the same layout
    return fail(Remedy{"convert it again with a newer llama.cpp"}, "GGUF version {} is not read", version);
  return {};
}

template <class T>
T element(const GgufValue& value, std::uint64_t i) {
  return load<T>(value.bytes.data() + i * sizeof(T));
}

/// Element `i`, whatever the integer type.
Result<std::int64_t> integer_at(const GgufValue& value, std::uint64_t i) {
  switch (value.type) {
    case GgufType::kUint8:
      return element<std::uint8_t>(value, i);
    case GgufType::kInt8:
      return element<std::int8_t>(value, i);
    case GgufType::kUint16:
      return element<std::uint16_t>(value, i);
    case GgufType::kInt16:
      return element<std::int16_t>(value, i);
    case GgufType::kUint32:
      return element<std::uint32_t>(value, i);
    case GgufType::kInt32:
      return element<std::int32_t>(value, i);
    case GgufType::kInt64:
      return element<std::int64_t>(value, i);
    case GgufType::kUint64:
      break;
    default:
      return fail("not a whole number");
  }
  const auto number = element<std::uint64_t>(value, i);
  if (number > static_cast<std::uint64_t>(INT64_MAX)) return fail("{} is out of range", number);
  return static_cast<std::int64_t>(number);
}

Result<double> number_at(const GgufValue& value, std::uint64_t i) {
  if (value.type == GgufType::kFloat32) return element<float>(value, i);
  if (value.type == GgufType::kFloat64) return element<double>(value, i);
  SC_TRY_ASSIGN(const std::int64_t number, integer_at(value, i));
  return static_cast<double>(number);
}

Result<void> check_single(const GgufValue& value) {
  return value.is_array ? Result<void>(fail("an array, not a single value")) : Result<void>();
}

template <class T, class At>
Result<std::vector<T>> elements(const GgufValue& value, At at) {
  if (!value.is_array) return fail("not an array");
  std::vector<T> all;
  for (std::uint64_t i = 0; i < value.count; ++i) {
    SC_TRY_ASSIGN(T element, at(value, i));
    all.push_back(element);
  }
  return all;
}

}  // namespace

const GgufValue* Gguf::find(const std::string& key) const {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &found->second;
}

Result<Gguf> parse_gguf(std::span<const std::byte> file) {
  Gguf gguf;
  ByteReader reader(file);
  SC_TRY(check_version(reader));
  SC_TRY_ASSIGN(const std::uint64_t n_tensors, reader.number<std::uint64_t>());
  SC_TRY_ASSIGN(const std::uint64_t n_metadata, reader.number<std::uint64_t>());
  SC_TRY(read_metadata(reader, n_metadata, file, gguf));
  SC_TRY_ASSIGN(std::vector<TensorHeader> headers, read_tensors(reader, n_tensors));
  SC_TRY_ASSIGN(const std::uint64_t alignment, alignment_of(gguf));
  const std::uint64_t begin = (reader.position() + alignment - 1) / alignment * alignment;
  SC_TRY(place(std::move(headers), file.subspan(std::min<std::uint64_t>(begin, file.size())), alignment, gguf));
  SC_TRY(check_overlaps(gguf.tensors));
  return gguf;
}

Result<std::int64_t> gguf_integer(const GgufValue& value) {
  SC_TRY(check_single(value));
  return integer_at(value, 0);
}

Result<double> gguf_number(const GgufValue& value) {
  SC_TRY(check_single(value));
  return number_at(value, 0);
}

Result<bool> gguf_bool(const GgufValue& value) {
  SC_TRY(check_single(value));
  const auto byte = element<std::uint8_t>(value, 0);
  if (value.type != GgufType::kBool || byte > 1) return fail("neither true nor false");
  return byte == 1;
}

Result<std::string> gguf_string(const GgufValue& value) {
  SC_TRY(check_single(value));
  if (value.type != GgufType::kString) return fail("not text");
  SC_TRY_ASSIGN(const std::string_view text, ByteReader(value.bytes).string());
  return std::string(text);
}

Result<std::vector<std::string>> gguf_strings(const GgufValue& value) {
  if (value.type != GgufType::kString) return fail("not text");
  ByteReader reader(value.bytes);
  return elements<std::string>(value, [&](const GgufValue&, std::uint64_t) -> Result<std::string> {
    SC_TRY_ASSIGN(const std::string_view text, reader.string());
    return std::string(text);
  });
}

Result<std::vector<std::int64_t>> gguf_integers(const GgufValue& value) {
  return elements<std::int64_t>(value, integer_at);
}

Result<std::vector<double>> gguf_numbers(const GgufValue& value) { return elements<double>(value, number_at); }

}  // namespace sparsecim
