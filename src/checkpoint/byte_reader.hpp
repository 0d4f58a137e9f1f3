#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace sparsecim {

/// Takes values from the front of a file's bytes and never goes beyond their end.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t position() const { return position_; }

  Result<std::span<const std::byte>> take(std::uint64_t n_bytes) {
    if (n_bytes > bytes_.size() - position_)
      return fail("{} bytes are needed at byte {}, the file ends at byte {}", n_bytes, position_, bytes_.size());
    const auto taken = bytes_.subspan(position_, n_bytes);
    position_ += n_bytes;
    return taken;
  }

  template <class T>
  Result<T> number() {
    SC_TRY_ASSIGN(const std::span<const std::byte> bytes, take(sizeof(T)));
    return load<T>(bytes.data());
  }

  /// uint64 length, then the text.
  Result<std::string_view> string() {
    SC_TRY_ASSIGN(const std::uint64_t length, number<std::uint64_t>());
    SC_TRY_ASSIGN(const std::span<const std::byte> bytes, take(length));
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
};

}  // namespace sparsecim
