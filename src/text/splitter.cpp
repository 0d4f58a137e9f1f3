#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/splitter.hpp"

#include <pcre2.h>
#include <time.h>

#include <array>

#include "base/check.hpp"

namespace sparsecim {
namespace {

// A run of white space costs the patterns that we know one step per character; more steps than this for one match is a
// pattern that backtracks without end.
constexpr std::uint32_t kMatchLimit = 50'000'000;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;
constexpr std::size_t kStartsPerCall = 64;  // bytes

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

/// The first beginning of a character at or behind `at`.
std::size_t next_character(std::string_view text, std::size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

/// The processor time that this thread has taken.
std::chrono::nanoseconds thread_time() {
  timespec time{};
  SC_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

SplitClock SplitClock::for_text(std::size_t text_bytes) {
  return SplitClock(std::chrono::seconds(5) + std::chrono::microseconds(2 * text_bytes));
}

SplitClock::Running::Running(SplitClock& clock)
    : clock_(clock), begin_(thread_time()), look_again_(std::chrono::steady_clock::now() + clock.left_) {}

SplitClock::Running::~Running() { clock_.left_ -= thread_time() - begin_; }

/// A thread takes no more processor time than time goes by: asking for it, which takes long, can wait that long.
bool SplitClock::Running::is_over() {
  const auto now = std::chrono::steady_clock::now();
  if (now < look_again_) return false;
  const std::chrono::nanoseconds left = clock_.left_ - (thread_time() - begin_);
  look_again_ = now + left;
  return left.count() <= 0;
}

struct Splitter::Code {
  CodePointer pattern;
  MatchContext limits;
};

/// The working memory of one call of split.
struct Splitter::Search {
  const Code& code;
  MatchContext limits{pcre2_match_context_copy(code.limits.get())};
  MatchData found{pcre2_match_data_create(1, nullptr)};

  /// As pcre2_match for matches that begin at `start` or one of the few bytes behind it, so that the clock can be
  /// looked at between calls. A pattern that outgrows the stack of the compiled code is run by the interpreter, on the
  /// heap.
  int match(std::string_view text, std::size_t start) {
    pcre2_set_offset_limit(limits.get(), start + kStartsPerCall - 1);
    const int result = match(text, start, PCRE2_NO_UTF_CHECK);
    return result == PCRE2_ERROR_JIT_STACKLIMIT ? match(text, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT) : result;
  }
  const PCRE2_SIZE* bounds() const { return pcre2_get_ovector_pointer(found.get()); }

  Result<void> split(std::string_view text, SplitClock::Running& clock, std::vector<std::string_view>& pieces);

 private:
  int match(std::string_view text, std::size_t start, std::uint32_t options) {
    return pcre2_match(code.pattern.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, options,
                       found.get(), limits.get());
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
  constexpr std::uint32_t kOptions =
      PCRE2_UTF | PCRE2_UCP | PCRE2_USE_OFFSET_LIMIT | PCRE2_MULTILINE;  // Ruby's ^ and $ stop at lines
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

Result<void> Splitter::split(std::span<const std::string_view> texts, SplitClock& clock,
                             std::vector<std::string_view>& pieces) const {
  Search search{*code_};
  SplitClock::Running running(clock);
  for (const std::string_view text : texts) SC_TRY(search.split(text, running, pieces));
  return {};
}

Result<void> Splitter::Search::split(std::string_view text, SplitClock::Running& clock,
                                     std::vector<std::string_view>& pieces) {
  std::size_t done = 0, start = 0;
  const auto cut_at = [&](std::size_t end) {
    if (end > done) pieces.push_back(text.substr(done, end - done));
    done = end;
  };
  while (start < text.size()) {
    const int result = match(text, start);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH)
      return fail("splitting the text into words, at its byte {}: {}", start, pcre2_message(result));
    if (clock.is_over())
      return fail("splitting the text into words, at its byte {}: the regular expression takes too long", start);
    if (result == PCRE2_ERROR_NOMATCH) {
      start = next_character(text, start + kStartsPerCall);
    } else if (bounds()[0] == bounds()[1]) {  // nothing was matched: look again behind the next character
      start = next_character(text, bounds()[1] + 1);
    } else {
      cut_at(bounds()[0]);
      cut_at(bounds()[1]);
      start = done;
    }
  }
  cut_at(text.size());
  return {};
}

}  // namespace sparsecim
