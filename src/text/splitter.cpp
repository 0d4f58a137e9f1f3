#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/splitter.hpp"

#include <pcre2.h>

#include <array>

#include "text/utf8.hpp"

namespace sparsecim {
namespace {

// A run of white space costs the patterns that we know one step per character; more steps than this for one match is a
// pattern that backtracks without end.
constexpr std::uint32_t kMatchLimit = 50'000'000;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
using CodePointer = std::unique_ptr<pcre2_code, Release<pcre2_code_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Release<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Release<pcre2_compile_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Release<pcre2_match_data_free>>;

std::string pcre2_message(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Splitter::Code {
  CodePointer pattern;
  MatchContext limits;

  /// As pcre2_match. A pattern that outgrows the stack of the compiled code is run by the interpreter, on the heap.
  int match(std::string_view text, std::size_t start, pcre2_match_data* found) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int result = pcre2_match(pattern.get(), subject, text.size(), start, PCRE2_NO_UTF_CHECK, found, limits.get());
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
      result = pcre2_match(pattern.get(), subject, text.size(), start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, found,
                           limits.get());
    return result;
  }
};

Splitter::Splitter(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;
Splitter::~Splitter() = default;

Result<Splitter> Splitter::compile(const std::string& pattern) {
  SC_TRY_ASSIGN(const std::string translated, to_pcre2(pattern));
  const CompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;  // Ruby's ^ and $ stop at lines
  auto code = std::make_unique<Code>();
  code->pattern.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), kOptions,
                                    &error, &offset, context.get()));
  if (!code->pattern) return fail("the regular expression '{}' is wrong: {}", pattern, pcre2_message(error));
  pcre2_jit_compile(code->pattern.get(), PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter does it
  code->limits.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(code->limits.get(), kMatchLimit);
  pcre2_set_heap_limit(code->limits.get(), kHeapLimitKib);
  return Splitter(std::move(code));
}

Result<void> Splitter::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
  std::size_t done = 0, start = 0;
  const auto cut_at = [&](std::size_t end) {
    if (end > done) pieces.push_back(text.substr(done, end - done));
    done = end;
  };
  while (start < text.size()) {
    const int result = code_->match(text, start, data.get());
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) return fail("splitting the text into words, at its byte {}: {}", start, pcre2_message(result));
    start = bounds[1];
    if (bounds[0] == bounds[1]) {  // nothing was matched: look again behind the next character
      if (start < text.size()) start += first_code_point(text.substr(start)).bytes;
      continue;
    }
    cut_at(bounds[0]);
    cut_at(bounds[1]);
  }
  cut_at(text.size());
  return {};
}

}  // namespace sparsecim
