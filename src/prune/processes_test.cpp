#include "prune/processes.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "prune/calibration.hpp"

namespace sparsecim {
namespace {

/// A port of the loopback that nobody listens at just now.
int free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(handle, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(handle);
  return ntohs(address.sin_port);
}

Meeting meeting_of(int rank, int count, int port, int patience_s = 60) {
  return {.rank = rank,
          .count = count,
          .host = "127.0.0.1",
          .port = port,
          .serves = rank == 0,
          .patience = std::chrono::seconds(patience_s)};
}

/// Runs `work` as each of `count` processes, in threads of this one; what each gives.
template <class Work>
auto together(int count, Work work) {
  const int port = free_port();
  std::vector<std::future<decltype(work(std::declval<Processes&>()))>> running;
  for (int rank = 0; rank < count; ++rank)
    running.push_back(std::async(std::launch::async, [=] {
      auto processes = Processes::join(meeting_of(rank, count, port));
      EXPECT_TRUE(processes) << processes.error().line();
      return work(*processes);
    }));
  std::vector<decltype(work(std::declval<Processes&>()))> results;
  for (auto& one : running) results.push_back(one.get());
  return results;
}

/// Seven batches whose sums depend on the order in which they are added: their sizes span 60 bits.
const std::vector<at::Tensor>& batches() {
  static const std::vector<at::Tensor> all = [] {
    at::manual_seed(3);
    std::vector<at::Tensor> made;
    for (int i = 0; i < 7; ++i) made.push_back(at::randn({5, 6}) * std::pow(2.0, 5 * i));
    return made;
  }();
  return all;
}

/// The inputs' second moments, float64, as `processes` find them together.
at::Tensor summed(Processes& processes) {
  const auto& inputs = batches();
  Calibration calibration;
  for (const at::Tensor& input : inputs) calibration.batches.push_back(input);
  EXPECT_TRUE(share(calibration, processes));
  InputGrams moments(calibration.processes);
  for (const std::size_t index : own_batches(calibration)) {
    for (int input = 0; input < kLinearInputs; ++input) moments.add(static_cast<LinearInput>(input), inputs[index]);
    EXPECT_TRUE(moments.end_batch(index));
  }
  EXPECT_TRUE(moments.end(inputs.size()));
  EXPECT_TRUE(processes.finish());
  return moments.take(LinearInput::kMlp);
}

TEST(Processes, FindTheSumsOfOneProcessBitForBitHoweverManyThereAre) {
  Processes alone;
  const at::Tensor expected = summed(alone);
  for (const int count : {2, 3})
    for (const at::Tensor& found : together(count, summed)) EXPECT_TRUE(at::equal(found, expected)) << count;
}

TEST(Processes, RunEveryBatchOnce) {
  const auto shares = together(3, [](Processes& processes) {
    Calibration calibration{.batches = batches()};
    EXPECT_TRUE(share(calibration, processes));
    EXPECT_TRUE(processes.finish());
    return own_batches(calibration);
  });
  std::vector<std::size_t> all;
  for (const auto& share : shares) all.insert(all.end(), share.begin(), share.end());
  std::ranges::sort(all);
  EXPECT_EQ(all, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Processes, TellValuesThatAreLargerThanOnePiece) {
  const at::Tensor large = at::arange(1500000, at::kFloat);  // 6 MB
  const auto equal = together(2, [&](Processes& processes) {
    if (processes.rank() == 1) {
      EXPECT_TRUE(processes.give("x", 0, {large}));
    }
    const auto taken = processes.take("x", 0, 1, {large});
    EXPECT_TRUE(processes.finish());
    return taken && at::equal((*taken)[0], large);
  });
  EXPECT_EQ(equal, (std::vector<bool>{true, true}));
}

TEST(Processes, AddUpWhatEachHasInRoundsAndInItsType) {
  const auto equal = together(3, [](Processes& processes) {
    bool all = true;
    for (const double part : {1e-9, 1e9}) {  // of 1e9 + 1 + 2 float32 would lose the end
      const at::Tensor own = at::tensor({part + processes.rank(), 0.1}, at::kDouble);
      const auto total = processes.sum("x", own);
      all =
          all && total && at::equal(*total, at::tensor({part + (part + 1) + (part + 2), 0.1 + 0.1 + 0.1}, at::kDouble));
    }
    EXPECT_TRUE(processes.finish());
    return all;
  });
  EXPECT_EQ(equal, (std::vector<bool>{true, true, true}));
}

TEST(Processes, OfModelsOfOtherSizesAreAnError) {
  const auto errors = together(2, [](Processes& processes) {
    EXPECT_TRUE(processes.give("x", processes.rank(), {at::zeros({3 + processes.rank()})}));
    const auto taken =
        processes.take("x", 1 - processes.rank(), 1 - processes.rank(), {at::zeros({3 + processes.rank()})});
    return taken ? std::string() : taken.error().what;
  });
  EXPECT_NE((errors[0] + errors[1]).find("another process has a model of other sizes"), std::string::npos);
}

TEST(Processes, EndWhenOneOfThemGoesAway) {
  const auto errors = together(2, [](Processes& processes) {
    if (processes.rank() == 1) return std::string();  // without a word
    const auto taken = processes.take("x", 0, 1, {at::zeros({3})});
    return taken ? "nothing" : taken.error().what;
  });
  EXPECT_NE(errors[0], "nothing");
}

TEST(Processes, GiveUpOneThatShowsNoSignOfLife) {
  const auto start = std::chrono::steady_clock::now();
  const auto alone = Processes::join(meeting_of(0, 2, free_port(), 1));
  ASSERT_FALSE(alone);
  EXPECT_NE(alone.error().what.find("did not meet"), std::string::npos) << alone.error().what;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Processes, AreNoMoreThanThereAreBatches) {
  const auto errors = together(3, [](Processes& processes) {
    Calibration calibration{.batches = {at::zeros({1, 4}, at::kLong), at::zeros({1, 4}, at::kLong)}, .tokens = 8};
    const auto shared = share(calibration, processes);
    EXPECT_TRUE(processes.finish());
    return shared ? std::string() : shared.error().what;
  });
  EXPECT_EQ(errors[0], "8 calibration tokens are 2 batches, fewer than the 3 processes");
}

}  // namespace
}  // namespace sparsecim
