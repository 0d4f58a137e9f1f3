#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sparsecim {

/// What a user or a file did wrong: one line, `what` with its place in front, and what to do about it.
struct Error {
  std::string what;    // "model.safetensors: tensor 'a': shape [2,3] needs 24 bytes, header gives 20"
  std::string remedy;  // "download the file again"; empty where nothing sensible can be said
  bool unmet = false;  // nothing is as it was asked for: another request may be met, the same never

  /// "what; remedy", as printed behind "error: ".
  std::string line() const { return remedy.empty() ? what : what + "; " + remedy; }
};

template <class T = void>
using Result = tl::expected<T, Error>;

/// Marks the text that tells what to do: `fail(Remedy{"use --force"}, "'{}' exists", path)`.
struct Remedy {
  std::string text;
};

template <class... Args>
tl::unexpected<Error> fail(fmt::format_string<Args...> what, Args&&... args) {
  return tl::unexpected(Error{fmt::format(what, std::forward<Args>(args)...), {}});
}

template <class... Args>
tl::unexpected<Error> fail(Remedy remedy, fmt::format_string<Args...> what, Args&&... args) {
  return tl::unexpected(Error{fmt::format(what, std::forward<Args>(args)...), std::move(remedy.text)});
}

/// Marks the error of a request that nothing can meet.
inline tl::unexpected<Error> unmet(tl::unexpected<Error> error) {
  error.value().unmet = true;
  return error;
}

/// Puts `place` in front of the error, if there is one: the way context is added on the way up.
template <class T>
Result<T> within(std::string_view place, Result<T> result) {
  if (!result) result.error().what = fmt::format("{}: {}", place, result.error().what);
  return result;
}

}  // namespace sparsecim

#define SC_CONCAT_(a, b) a##b
#define SC_CONCAT(a, b) SC_CONCAT_(a, b)

/// Returns the error of `expression` (a Result) from the calling function, or goes on.
#define SC_TRY(expression)                                                                              \
  do {                                                                                                  \
    if (auto sc_result = (expression); !sc_result) return tl::unexpected(std::move(sc_result).error()); \
  } while (false)

/// `SC_TRY_ASSIGN(auto x, f());` declares x as f's value, or returns f's error.
#define SC_TRY_ASSIGN(declaration, expression)                                                                     \
  auto SC_CONCAT(sc_result_, __LINE__) = (expression);                                                             \
  if (!SC_CONCAT(sc_result_, __LINE__)) return tl::unexpected(std::move(SC_CONCAT(sc_result_, __LINE__)).error()); \
  declaration = *std::move(SC_CONCAT(sc_result_, __LINE__))
