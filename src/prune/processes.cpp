#include "prune/processes.hpp"

#include <c10/util/Flags.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/interrupt.hpp"

C10_DECLARE_int(caffe2_log_level);

namespace sparsecim {
namespace {

constexpr int kErrorsOnly = 2;  // of c10/util/Logging.h

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;

constexpr auto kLookAgain = std::chrono::milliseconds(10);
constexpr auto kBeat = std::chrono::seconds(1);
constexpr const char* kFailed = "failed";

Result<int> number_in_environment(const char* variable, int low, int high) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return fail(Remedy{"start the processes by torchrun"}, "{} is not set", variable);
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value < low || value > high)
    return fail("{} is '{}', not a number from {} to {}", variable, text, low, high);
  return value;
}

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

Bytes bytes_of(const std::vector<at::Tensor>& values) {
  Bytes bytes;
  for (const at::Tensor& value : values) {
    const at::Tensor flat = value.to(at::kCPU).contiguous();
    const auto* begin = static_cast<const std::uint8_t*>(flat.const_data_ptr());
    bytes.insert(bytes.end(), begin, begin + flat.nbytes());
  }
  return bytes;
}

/// REQUIRES: as many bytes as bytes_of() makes of `like`.
std::vector<at::Tensor> tensors_of(const Bytes& bytes, const std::vector<at::Tensor>& like) {
  std::vector<at::Tensor> values;
  std::size_t begin = 0;
  for (const at::Tensor& shape : like) {
    at::Tensor value = at::empty(shape.sizes(), shape.options().device(at::kCPU));
    std::memcpy(value.mutable_data_ptr(), bytes.data() + begin, value.nbytes());
    begin += value.nbytes();
    values.push_back(value.to(shape.device()));
  }
  return values;
}

/// What the store takes at once is limited to 8 MiB (LibTorch, torch/csrc/distributed/c10d/TCPStoreLibUvBackend.cpp).
constexpr std::size_t kPieceBytes = 4 << 20;

std::string piece_key(const std::string& key, std::size_t begin) { return fmt::format("{}/{}", key, begin); }

/// In pieces, and then under the key itself how many bytes there are.
void send(c10d::TCPStore& store, const std::string& key, const Bytes& bytes) {
  for (std::size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto size = static_cast<std::ptrdiff_t>(std::min(kPieceBytes, bytes.size() - begin));
    store.set(piece_key(key, begin), Bytes(from, from + size));
  }
  store.set(key, bytes_of(std::to_string(bytes.size())));
}

/// REQUIRES: `key` is there. Errors: not as many bytes as `size`.
Result<Bytes> receive(c10d::TCPStore& store, const std::string& key, std::size_t size) {
  if (store.get(key) != bytes_of(std::to_string(size)))
    return fail(Remedy{"start all processes with the same command"}, "another process has a model of other sizes");
  Bytes bytes;
  for (std::size_t begin = 0; begin < size; begin += kPieceBytes) {
    const Bytes piece = store.get(piece_key(key, begin));
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  }
  if (bytes.size() != size) return fail("{} bytes came of {}", bytes.size(), size);
  return bytes;
}

void forget(c10d::TCPStore& store, const std::string& key, std::size_t size) {
  for (std::size_t begin = 0; begin < size; begin += kPieceBytes) store.deleteKey(piece_key(key, begin));
  store.deleteKey(key);
}

std::string beat_key(int rank) { return fmt::format("alive/{}", rank); }
std::string here_key(int rank) { return fmt::format("here/{}", rank); }
std::string done_key(int rank) { return fmt::format("done/{}", rank); }

}  // namespace

/// The TCPStore, whose exceptions become errors here, and the signs of life.
class Processes::Store {
 public:
  Store(const c10d::TCPStoreOptions& options, const Meeting& meeting)
      : patience_(meeting.patience),
        store_(c10::make_intrusive<c10d::TCPStore>(meeting.host, options)),
        beating_([this, key = beat_key(meeting.rank)](const std::stop_token& stop) { beat(key, stop); }) {}

  /// Runs `body` on the store.
  template <class Body>
  auto run(Body body) -> decltype(body(std::declval<c10d::TCPStore&>())) {
    try {
      return body(*store_);
    } catch (const std::exception& error) {
      const std::string what = error.what();
      return fail(Remedy{"see what they say"}, "the other processes are gone: {}", what.substr(0, what.find('\n')));
    }
  }

  /// Whether the process of this rank has shown a sign of life of late.
  Result<bool> lives(int rank) {
    SC_TRY_ASSIGN(const std::int64_t beats,
                  run([&](c10d::TCPStore& store) -> Result<std::int64_t> { return store.add(beat_key(rank), 0); }));
    Seen& seen = seen_[rank];
    if (seen.beats != beats) seen = {beats, Clock::now()};
    return Clock::now() - seen.when < patience_;
  }
  std::chrono::seconds patience() const { return patience_; }

 private:
  struct Seen {
    std::int64_t beats = -1;
    Clock::time_point when;
  };

  void beat(const std::string& key, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    try {
      while (!stop.stop_requested()) {
        store_->add(key, 1);
        wake.wait_for(lock, stop, kBeat, [] { return false; });
      }
    } catch (const std::exception&) {
      // The store is gone: run() says so where it matters.
    }
  }

  std::chrono::seconds patience_;
  std::map<int, Seen> seen_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::jthread beating_;  // last, so that it ends before what it uses
};

Processes::Processes() = default;
Processes::Processes(Processes&& other) noexcept = default;
Processes& Processes::operator=(Processes&&) noexcept = default;

Processes::~Processes() {
  if (!store_) return;
  static_cast<void>(tell(kFailed));  // if that fails, nobody is left to be told
}

Result<Processes> Processes::from_environment() {
  if (std::getenv("WORLD_SIZE") == nullptr) return Processes();
  Meeting meeting;
  SC_TRY_ASSIGN(meeting.count, number_in_environment("WORLD_SIZE", 1, 1 << 16));
  if (meeting.count == 1) return Processes();
  SC_TRY_ASSIGN(meeting.rank, number_in_environment("RANK", 0, meeting.count - 1));
  SC_TRY_ASSIGN(meeting.port, number_in_environment("MASTER_PORT", 1, 65535));
  if (std::getenv("SPARSECIM_PATIENCE_S") != nullptr) {
    SC_TRY_ASSIGN(const int seconds, number_in_environment("SPARSECIM_PATIENCE_S", 1, 1 << 20));
    meeting.patience = std::chrono::seconds(seconds);
  }
  const char* host = std::getenv("MASTER_ADDR");
  if (host == nullptr) return fail(Remedy{"start the processes by torchrun"}, "MASTER_ADDR is not set");
  meeting.host = host;
  // Where torchrun listens at the port itself, the first process must not (torch/distributed/rendezvous.py).
  const char* elsewhere = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  meeting.serves = meeting.rank == 0 && (elsewhere == nullptr || std::string_view(elsewhere) != "True");
  return join(meeting);
}

Result<Processes> Processes::join(const Meeting& meeting) {
  FLAGS_caffe2_log_level = kErrorsOnly;  // what the store warns of, with a backtrace, becomes our errors
  Processes processes;
  processes.rank_ = meeting.rank;
  processes.count_ = meeting.count;
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(meeting.port);
  options.isServer = meeting.serves;
  options.waitWorkers = false;  // which waits in the constructor, deaf to Ctrl-C
  options.timeout = meeting.patience;
  try {
    processes.store_ = std::make_unique<Store>(options, meeting);
  } catch (const std::exception& error) {
    const std::string what = error.what();
    return fail(Remedy{"start all processes, with the same MASTER_ADDR and MASTER_PORT"},
                "{} processes did not meet at {}:{} within {} s: {}", meeting.count, meeting.host, meeting.port,
                meeting.patience.count(), what.substr(0, what.find('\n')));
  }
  SC_TRY(processes.tell(here_key(meeting.rank)));
  for (int rank = 0; rank < meeting.count; ++rank)
    if (const auto here = processes.wait_for(here_key(rank), rank); !here)
      return fail(Remedy{"start all processes, with the same MASTER_ADDR and MASTER_PORT"},
                  "{} processes did not meet at {}:{}: {}", meeting.count, meeting.host, meeting.port,
                  here.error().what);
  return processes;
}

Result<void> Processes::tell(const std::string& key) {
  return store_->run([&](c10d::TCPStore& store) -> Result<void> {
    store.set(key, Bytes{1});
    return {};
  });
}

Result<void> Processes::wait_for(const std::string& key, int owner) {
  for (;;) {
    SC_TRY(check_interrupt());
    SC_TRY_ASSIGN(const bool there, store_->run([&](c10d::TCPStore& store) -> Result<bool> {
      if (store.check({key})) return true;
      if (store.check({kFailed})) return fail(Remedy{"see what it says"}, "another of the {} processes failed", count_);
      return false;
    }));
    if (there) return {};
    SC_TRY_ASSIGN(const bool lives, store_->lives(owner));
    if (!lives)
      return fail(Remedy{"see what it says"}, "process {} of {} has shown no sign of life for {} s", owner, count_,
                  store_->patience().count());
    std::this_thread::sleep_for(kLookAgain);
  }
}

std::string Processes::key(const std::string& what, int part) {
  return fmt::format("{}/{}/{}", what, rounds_[what].number, part);
}

Result<void> Processes::give(const std::string& what, int part, const std::vector<at::Tensor>& values) {
  const Bytes bytes = bytes_of(values);
  rounds_[what].told.push_back({key(what, part), bytes.size()});
  return store_->run([&](c10d::TCPStore& store) -> Result<void> {
    send(store, rounds_[what].told.back().key, bytes);
    return {};
  });
}

Result<std::vector<at::Tensor>> Processes::take(const std::string& what, int part, int owner,
                                                const std::vector<at::Tensor>& like) {
  std::size_t size = 0;
  for (const at::Tensor& shape : like) size += shape.nbytes();
  SC_TRY(wait_for(key(what, part), owner));
  SC_TRY_ASSIGN(const Bytes bytes,
                store_->run([&](c10d::TCPStore& store) { return receive(store, key(what, part), size); }));
  return tensors_of(bytes, like);
}

Result<void> Processes::end_round(const std::string& what) {
  Round& round = rounds_[what];
  ++round.number;
  std::swap(round.told_before, round.told);
  const std::vector<Told> old = std::exchange(round.told, {});
  return store_->run([&](c10d::TCPStore& store) -> Result<void> {
    // All have told of the round that ends here, so that nobody needs what was told in the one before.
    for (const Told& told : old) forget(store, told.key, told.bytes);
    return {};
  });
}

Result<at::Tensor> Processes::sum(const std::string& what, const at::Tensor& values) {
  if (!store_) return values;
  SC_TRY(give(what, rank_, {values}));
  at::Tensor total = at::zeros_like(values);
  for (int rank = 0; rank < count_; ++rank) {
    SC_TRY_ASSIGN(const auto found, take(what, rank, rank, {values}));
    total += found[0];
  }
  SC_TRY(end_round(what));
  return total;
}

std::vector<std::size_t> own_pieces(std::size_t n, const Processes* processes) {
  std::vector<std::size_t> own;
  for (std::size_t i = 0; i < n; ++i)
    if (!processes || processes->owns(i)) own.push_back(i);
  return own;
}

Result<void> Processes::finish() {
  if (!store_) return {};
  SC_TRY(tell(done_key(rank_)));
  if (rank_ == 0)  // which holds the store, and goes last
    for (int rank = 1; rank < count_; ++rank) SC_TRY(wait_for(done_key(rank), rank));
  store_ = nullptr;
  return {};
}

}  // namespace sparsecim
