#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sparsecim {

// GPT-2 writes each byte of a token as one printable character, so that tokens can stand in text files (Radford et al.
// 2019, the released encoder): bytes that print in Latin-1 as themselves, the others from U+0100 upwards.

/// The character of a byte, in UTF-8.
const std::string& printable_byte(unsigned char byte);
/// The bytes that `token` spells, or none if one of its characters is not of this alphabet.
std::optional<std::string> bytes_of_printable(std::string_view token);

}  // namespace sparsecim
