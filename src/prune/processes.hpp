#pragma once

#include <ATen/ATen.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// Where processes meet.
struct Meeting {
  int rank = 0, count = 1;
  std::string host;
  int port = 0;
  bool serves = false;  // this one holds what is exchanged: the first, unless somebody else listens at the port
  std::chrono::seconds patience{60};  // for the others to come, and for one of them that shows no sign of life
};

/// The processes that one command was started as, each of which does a part of the work and tells the others what it
/// found. They are told of each other by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets
/// them, and meet in LibTorch's TCPStore. Each shows once a second that it lives; SPARSECIM_PATIENCE_S says after how
/// many seconds of silence (60) one is given up.
class Processes {
 public:
  /// This one alone where WORLD_SIZE is not set or 1. Errors: variables that are missing or contradict each other; the
  /// others are not there in time.
  static Result<Processes> from_environment();
  static Result<Processes> join(const Meeting& meeting);
  Processes();
  Processes(Processes&& other) noexcept;
  Processes& operator=(Processes&&) noexcept;
  /// Tells the others when this one goes away before finish(), so that they do not wait for it.
  ~Processes();

  int rank() const { return rank_; }
  int count() const { return count_; }
  /// Who does a piece of the work: pieces go round, so that the long ones in front are shared too.
  int owner(std::size_t piece) const { return static_cast<int>(piece % static_cast<std::size_t>(count_)); }
  bool owns(std::size_t piece) const { return owner(piece) == rank_; }

  /// Tells all processes the values of part `part` of `what`: what is told under a name is told in rounds, in
  /// each of which every part comes from one process. Errors: the others are gone.
  Result<void> give(const std::string& what, int part, const std::vector<at::Tensor>& values);
  /// The values of a part of this round, of the shapes and types of `like`, waited for from `owner`. Errors: a process
  /// failed, or shows no sign of life; it has values of other sizes.
  Result<std::vector<at::Tensor>> take(const std::string& what, int part, int owner,
                                       const std::vector<at::Tensor>& like);
  /// This process has taken every part of this round.
  Result<void> end_round(const std::string& what);
  /// Sum of all processes' `values`, in the order of their ranks: exact where all but one have zeros. Errors: as take.
  Result<at::Tensor> sum(const std::string& what, const at::Tensor& values);
  /// This one is done; the first waits until all are. Errors: as take.
  Result<void> finish();

 private:
  class Store;
  struct Told {
    std::string key;
    std::size_t bytes;
  };
  struct Round {
    std::int64_t number = 0;
    std::vector<Told> told, told_before;  // by this process, in this round and in the one before
  };
  std::string key(const std::string& what, int part);
  Result<void> tell(const std::string& key);
  Result<void> wait_for(const std::string& key, int owner);

  std::unique_ptr<Store> store_;  // none: alone
  int rank_ = 0, count_ = 1;
  std::map<std::string, Round> rounds_;
};

/// Which of `n` pieces of work this one of the `processes` does; null: there is one, and it does all.
std::vector<std::size_t> own_pieces(std::size_t n, const Processes* processes);

}  // namespace sparsecim
