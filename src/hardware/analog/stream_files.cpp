// The text and the binary form of a command stream (docs/formats/streams.md).

#include <algorithm>
#include <charconv>
#include <iterator>

#include "hardware/analog/stream.hpp"

namespace sparsecim {
namespace {

constexpr std::string_view kTextMagic = "sparsecim-stream 1";
constexpr std::string_view kBinaryMagic{"SCSTRM\x01\n", 8};
constexpr std::string_view kCommandNames[] = {"activate", "convert", "store", "accumulate", "barrier"};
constexpr std::size_t kPlanLength = 64;  // SHA-256 in hexadecimal

std::string strided_text(const Strided& s) {
  if (s.run != 0) return fmt::format("{}:{}:{}:{}:{}", s.first, s.count, s.stride, s.run, s.outer);
  if (s.stride != 1) return fmt::format("{}:{}:{}", s.first, s.count, s.stride);
  return fmt::format("{}:{}", s.first, s.count);
}

void append_command(const Command& command, std::string& text) {
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "{}", kCommandNames[static_cast<std::size_t>(command.kind)]);
  switch (command.kind) {
    case Command::Kind::kActivate:
      fmt::format_to(out, " {} {} {} {} {}", command.array, strided_text(command.cells), command.buffer,
                     strided_text(command.addresses), command.amount);
      break;
    case Command::Kind::kConvert:
      fmt::format_to(out, " {} {} {} {}", command.array, strided_text(command.cells), command.amount, command.shift);
      break;
    case Command::Kind::kStore:
    case Command::Kind::kAccumulate:
      fmt::format_to(out, " {} {} {}", command.array, command.buffer, strided_text(command.addresses));
      break;
    case Command::Kind::kBarrier:
      break;
  }
  text += '\n';
}

/// The words of one line.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  std::string_view word() {
    const std::size_t begin = std::min(rest_.find_first_not_of(" \t\r"), rest_.size());
    const std::size_t end = std::min(rest_.find_first_of(" \t\r", begin), rest_.size());
    const std::string_view found = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return found;
  }
  Result<std::int64_t> number() { return number_of(word()); }
  Result<Strided> strided() {
    std::string_view text = word();
    std::vector<std::int64_t> fields;
    while (fields.size() < 5) {
      const std::size_t end = std::min(text.find(':'), text.size());
      SC_TRY_ASSIGN(fields.emplace_back(), number_of(text.substr(0, end)));
      if (end == text.size()) break;
      text.remove_prefix(end + 1);
    }
    if (fields.size() != 2 && fields.size() != 3 && fields.size() != 5)
      return fail(Remedy{"write first:count[:stride[:run:outer]]"}, "{} numbers in a range", fields.size());
    Strided s{.first = fields[0], .count = fields[1]};
    if (fields.size() > 2) s.stride = fields[2];
    if (fields.size() > 3) s.run = fields[3], s.outer = fields[4];
    return s;
  }
  Result<void> end() {
    const std::string_view more = word();
    if (!more.empty()) return fail("'{}' is too much", more);
    return {};
  }

 private:
  static Result<std::int64_t> number_of(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
      return fail("'{}' is no number", text);
    return value;
  }
  std::string_view rest_;
};

/// Where the fields of a command come from: words of a line or bytes of a file.
template <class Reader>
Result<Command> read_fields(Command::Kind kind, Reader& reader) {
  Command command{.kind = kind};
  if (kind == Command::Kind::kBarrier) return command;
  SC_TRY_ASSIGN(command.array, reader.number());
  if (kind == Command::Kind::kActivate || kind == Command::Kind::kConvert) {
    SC_TRY_ASSIGN(command.cells, reader.strided());
  }
  if (kind != Command::Kind::kConvert) {
    SC_TRY_ASSIGN(command.buffer, reader.number());
    SC_TRY_ASSIGN(command.addresses, reader.strided());
  }
  if (kind == Command::Kind::kActivate || kind == Command::Kind::kConvert) {
    SC_TRY_ASSIGN(command.amount, reader.number());
  }
  if (kind == Command::Kind::kConvert) {
    SC_TRY_ASSIGN(command.shift, reader.number());
  }
  return command;
}

Result<void> read_line(std::string_view line, CommandStream& stream) {
  LineReader reader(line);
  const std::string_view word = reader.word();
  if (word.empty() || word.front() == '#') return {};
  if (word == "plan") {
    stream.plan = reader.word();
    return reader.end();
  }
  if (word == "arrays") {
    for (std::int64_t* field : {&stream.arrays, &stream.array.rows, &stream.array.columns, &stream.adcs}) {
      SC_TRY_ASSIGN(*field, reader.number());
    }
    return reader.end();
  }
  if (word == "buffer") {
    SC_TRY_ASSIGN(stream.buffers.emplace_back(), reader.number());
    return reader.end();
  }
  const auto name = std::ranges::find(kCommandNames, word);
  if (name == std::end(kCommandNames))
    return fail(Remedy{"allowed: plan, arrays, buffer, activate, convert, store, accumulate, barrier"},
                "'{}' is no command", word);
  SC_TRY_ASSIGN(stream.commands.emplace_back(),
                read_fields(static_cast<Command::Kind>(name - std::begin(kCommandNames)), reader));
  return reader.end();
}

Result<CommandStream> parse_text(std::string_view text) {
  CommandStream stream;
  stream.array = {0, 0};
  std::int64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ++number;
    if (number > 1) SC_TRY(within(fmt::format("line {}", number), read_line(text.substr(0, end), stream)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return stream;
}

void append_number(std::int64_t value, std::string& bytes) {
  auto rest = static_cast<std::uint64_t>(value);
  for (; rest >= 128; rest >>= 7) bytes += static_cast<char>(rest | 128);
  bytes += static_cast<char>(rest);
}

void append_strided(const Strided& s, std::string& bytes) {
  const std::int64_t form = s.run != 0 ? 2 : s.stride != 1 ? 1 : 0;
  append_number(form, bytes);
  append_number(s.first, bytes);
  append_number(s.count, bytes);
  if (form > 0) append_number(s.stride, bytes);
  if (form > 1) append_number(s.run, bytes), append_number(s.outer, bytes);
}

/// Numbers of seven bits a byte, the lowest first; the eighth says that more follow.
class ByteFields {
 public:
  explicit ByteFields(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  std::size_t at() const { return at_; }
  bool done() const { return at_ == bytes_.size(); }
  Result<std::int64_t> number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      if (done()) return fail(Remedy{"the file is cut off"}, "a number ends with the file");
      const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 127) << shift;
      if (byte < 128) return static_cast<std::int64_t>(value);
    }
    return fail("a number of more than 63 bits");
  }
  Result<Strided> strided() {
    Strided s;
    SC_TRY_ASSIGN(const std::int64_t form, number());
    if (form > 2) return fail("form {} of a range", form);
    SC_TRY_ASSIGN(s.first, number());
    SC_TRY_ASSIGN(s.count, number());
    if (form > 0) {
      SC_TRY_ASSIGN(s.stride, number());
    }
    if (form > 1) {
      SC_TRY_ASSIGN(s.run, number());
      SC_TRY_ASSIGN(s.outer, number());
    }
    return s;
  }
  Result<std::string> text(std::size_t size) {
    if (bytes_.size() - at_ < size) return fail(Remedy{"the file is cut off"}, "a text ends with the file");
    at_ += size;
    return std::string(bytes_.substr(at_ - size, size));
  }

 private:
  std::string_view bytes_;
  std::size_t at_;
};

Result<void> read_binary_header(ByteFields& fields, CommandStream& stream) {
  SC_TRY_ASSIGN(stream.plan, fields.text(kPlanLength));
  for (std::int64_t* field : {&stream.arrays, &stream.array.rows, &stream.array.columns, &stream.adcs}) {
    SC_TRY_ASSIGN(*field, fields.number());
  }
  SC_TRY_ASSIGN(const std::int64_t buffers, fields.number());
  for (std::int64_t i = 0; i < buffers; ++i) {  // ends with the file, however many are claimed
    SC_TRY_ASSIGN(stream.buffers.emplace_back(), fields.number());
  }
  return {};
}

Result<Command> read_binary_command(ByteFields& fields) {
  SC_TRY_ASSIGN(const std::int64_t kind, fields.number());
  if (kind >= static_cast<std::int64_t>(std::size(kCommandNames))) return fail("command code {}", kind);
  return read_fields(static_cast<Command::Kind>(kind), fields);
}

Result<CommandStream> parse_binary(std::string_view bytes) {
  CommandStream stream;
  ByteFields fields(bytes, kBinaryMagic.size());
  SC_TRY(within("header", read_binary_header(fields, stream)));
  while (!fields.done()) {
    const std::size_t at = fields.at();
    auto command = read_binary_command(fields);
    if (!command) return within(fmt::format("byte {}", at), Result<CommandStream>(tl::unexpected(command.error())));
    stream.commands.push_back(*command);
  }
  return stream;
}

bool is_plan(std::string_view plan) {
  return plan.size() == kPlanLength && plan.find_first_not_of("0123456789abcdef") == plan.npos;
}

}  // namespace

std::string to_text(const CommandStream& stream) {
  std::string text = fmt::format("{}\nplan {}\narrays {} {} {} {}\n", kTextMagic, stream.plan, stream.arrays,
                                 stream.array.rows, stream.array.columns, stream.adcs);
  for (const std::int64_t size : stream.buffers) text += fmt::format("buffer {}\n", size);
  for (const Command& command : stream.commands) append_command(command, text);
  return text;
}

std::string to_binary(const CommandStream& stream) {
  std::string bytes(kBinaryMagic);
  bytes += stream.plan;
  for (const std::int64_t field : {stream.arrays, stream.array.rows, stream.array.columns, stream.adcs,
                                   static_cast<std::int64_t>(stream.buffers.size())})
    append_number(field, bytes);
  for (const std::int64_t size : stream.buffers) append_number(size, bytes);
  for (const Command& command : stream.commands) {
    append_number(static_cast<std::int64_t>(command.kind), bytes);
    if (command.kind == Command::Kind::kBarrier) continue;
    const bool works = command.kind == Command::Kind::kActivate || command.kind == Command::Kind::kConvert;
    append_number(command.array, bytes);
    if (works) append_strided(command.cells, bytes);
    if (command.kind != Command::Kind::kConvert) {
      append_number(command.buffer, bytes);
      append_strided(command.addresses, bytes);
    }
    if (works) append_number(command.amount, bytes);
    if (command.kind == Command::Kind::kConvert) append_number(command.shift, bytes);
  }
  return bytes;
}

Result<CommandStream> parse_stream(std::string_view bytes) {
  const bool binary = bytes.starts_with(kBinaryMagic);
  const bool text =
      bytes.starts_with(kTextMagic) &&
      (bytes.size() == kTextMagic.size() || bytes[kTextMagic.size()] == '\n' || bytes[kTextMagic.size()] == '\r');
  if (!binary && !text)
    return fail(Remedy{fmt::format("its first line is '{}', or its first bytes are SCSTRM", kTextMagic)},
                "no command stream");
  SC_TRY_ASSIGN(CommandStream stream, binary ? parse_binary(bytes) : parse_text(bytes));
  if (!is_plan(stream.plan)) return fail("header: the plan is no SHA-256 in hexadecimal");
  SC_TRY(validate(stream));
  return stream;
}

}  // namespace sparsecim
