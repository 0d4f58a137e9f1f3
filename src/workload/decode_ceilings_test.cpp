#include "workload/decode_ceilings.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace sparsecim {
namespace {

const std::vector<Pattern> kPatterns = {{}, {4, 8}, {2, 8}, {1, 8}};

/// Two layers of LLaMA-3-8B.
ModelShapes shapes() {
  ModelShapes shapes = read_shapes("llama-3-8b").value();
  shapes.decoder->n_layers = 2;
  return shapes;
}

Plan plan_of(const ModelShapes& shapes) {
  Plan plan;
  for (std::int64_t layer = 0; layer < shapes.decoder->n_layers; ++layer)
    for (const ShapedMatrix& matrix : shapes.decoder->matrices)
      plan.matrices.push_back({.name = name_in_layer(*shapes.decoder, layer, matrix.name),
                               .block = layer,
                               .n_out = matrix.n_out,
                               .n_in = matrix.n_in});
  return plan;
}

std::int64_t total(const Ceiling& ceiling, const Plan& plan) {
  std::int64_t sum = ceiling.elsewhere(plan);
  for (const PlannedMatrix& matrix : plan.matrices) sum += ceiling.of(matrix);
  return sum;
}

/// The sums by matrix against a simulation of the mixed plan itself.
TEST(DecodeCeilings, AddUpToTheSimulationOfAMixedPlan) {
  for (const char* name : {"flexcim", "dense-dcim"}) {
    const MachineDescription machine = open_machine(name).value();
    const DecodeBudget budget{.most_ns = 1, .most_nj = 1};
    const auto ceilings = decode_ceilings(shapes(), kPatterns, machine, budget);
    ASSERT_TRUE(ceilings) << ceilings.error().line();
    ASSERT_EQ(ceilings->size(), 2u);
    Plan plan = plan_of(shapes());
    for (int shift = 0; shift < 3; ++shift) {
      for (std::size_t i = 0; i < plan.matrices.size(); ++i)
        plan.matrices[i].pattern = kPatterns[(i + static_cast<std::size_t>(shift)) % kPatterns.size()];
      const DecodeCost cost = decode_cost(shapes(), plan, machine, budget).value();
      EXPECT_NEAR(static_cast<double>(total((*ceilings)[0], plan)) / 1000 / cost.latency_ns, 1, 0.01) << name;
      EXPECT_NEAR(static_cast<double>(total((*ceilings)[1], plan)) / cost.energy_pj, 1, 0.01) << name;
    }
  }
}

/// Of widths that tiles do not divide, neighbours share macros: the sums say less than the plan's own simulation.
class OddWidths : public testing::Test {
 protected:
  OddWidths() {
    for (ShapedMatrix& matrix : small_.decoder->matrices) {
      matrix.n_out = matrix.n_out * 9 / 128;  // 4096 to 288
      matrix.n_in = matrix.n_in * 9 / 128;
    }
    small_.head.clear();
    dense_ = plan_of(small_);
    for (std::size_t i = 0; i < dense_.matrices.size(); ++i)
      costs_.push_back({0, 1 + 0.1 * static_cast<double>(i % 7), 3, 5});
  }
  std::function<Result<Plan>(const SelectionRequest&)> select() const {
    return [this](const SelectionRequest& request) { return select_least_cost(dense_, costs_, request); };
  }
  SelectionRequest request_of(const DecodeBudget& budget, Granularity granularity = Granularity::kMatrix) const {
    SelectionRequest request{
        .method = Method::kErrorDiag, .sparsity = 0, .options = kPatterns, .granularity = granularity};
    request.ceilings = decode_ceilings(small_, kPatterns, machine_, budget).value();
    return request;
  }
  Result<Plan> plan_within(const DecodeBudget& budget, Granularity granularity = Granularity::kMatrix) const {
    return select_within(small_, machine_, budget, request_of(budget, granularity), select());
  }

  const MachineDescription machine_ = open_machine("flexcim").value();
  ModelShapes small_ = shapes();
  Plan dense_;
  std::vector<std::vector<double>> costs_;
};

TEST_F(OddWidths, AreKeptByThePlanAsAWholeWhereSelectionIsAskedAgain) {
  const DecodeCost before = decode_cost(small_, dense_, machine_, {}).value();
  int asked_again = 0;
  for (int percent = 99; percent > 62; percent -= 4) {
    const DecodeBudget budget{.most_ns = std::llround(0.01 * percent * before.latency_ns), .most_nj = {}};
    const auto first = select()(request_of(budget));
    if (!first) break;  // below what can be reached at all
    const auto plan = plan_within(budget);
    ASSERT_TRUE(plan) << plan.error().line();
    const double bound = static_cast<double>(*budget.most_ns);
    EXPECT_LE(decode_cost(small_, *plan, machine_, budget)->latency_ns, bound) << percent;
    EXPECT_TRUE(plan->notes.back().starts_with("simulated as a whole, decoding a token takes "));
    EXPECT_NE(plan->notes.front().find(fmt::format("of at most {}", *budget.most_ns)), std::string::npos)
        << "as asked, whatever is kept free";
    asked_again += decode_cost(small_, *first, machine_, budget)->latency_ns > bound;
  }
  EXPECT_GT(asked_again, 0) << "or the bounds add up exactly here, and nothing was tested";
}

TEST_F(OddWidths, NameTheLeastBoundThatAPlanKeepsAsAWhole) {
  const std::string option = "--max-decode-ns ";
  const auto by_block = [&](std::int64_t ns) {  // few choices: each step of the search is quick
    return plan_within({.most_ns = ns, .most_nj = {}}, Granularity::kBlock);
  };
  const Error error = by_block(100).error();
  const std::string& remedy = error.remedy;
  ASSERT_TRUE(remedy.starts_with("ask for " + option)) << remedy;
  const std::int64_t least = std::stoll(remedy.substr(remedy.find(option) + option.size()));
  EXPECT_FALSE(error.what.ends_with(fmt::format("at least {}", least))) << "or the sums say it, too";
  EXPECT_TRUE(by_block(least));
  EXPECT_FALSE(by_block(least - 1));
}

TEST(DecodeCeilings, ThatNoPlanKeepsSayWhatTheNearestTakes) {
  const MachineDescription machine = open_machine("flexcim").value();
  const Plan dense = plan_of(shapes());
  const DecodeBudget budget{.most_ns = 1000, .most_nj = {}};
  int calls = 0;
  const auto stubborn = [&](const SelectionRequest&) -> Result<Plan> {
    ++calls;
    return dense;
  };
  const std::string line = select_within(shapes(), machine, budget, {}, stubborn).error().line();
  EXPECT_TRUE(line.starts_with("no plan was found that keeps the bounds as a whole: with the nearest one decoding "))
      << line;
  const auto taken = std::llround(std::ceil(decode_cost(shapes(), dense, machine, budget)->latency_ns));
  EXPECT_TRUE(line.ends_with(fmt::format("; ask for --max-decode-ns {}", taken))) << line;
  EXPECT_LT(calls, 1000) << "it gives up";
}

TEST(DecodeCeilings, PassOnErrorsThatSayNothingOfTheBounds) {
  const MachineDescription machine = open_machine("flexcim").value();
  int calls = 0;
  const auto out_of_time = [&](const SelectionRequest&) -> Result<Plan> {
    ++calls;
    return fail(Remedy{"give more by --time-limit"}, "no plan was found within 1 s");
  };
  const DecodeBudget budget{.most_ns = 1000, .most_nj = 1000};
  EXPECT_EQ(select_within(shapes(), machine, budget, {}, out_of_time).error().line(),
            "no plan was found within 1 s; give more by --time-limit");
  EXPECT_EQ(calls, 1);
  const auto only_at_first = [&](const SelectionRequest& request) -> Result<Plan> {
    if (request.time_limit_s < 60) return out_of_time(request);  // while the nearest values are looked for
    return unmet(fail(Remedy{"ask for --max-decode-ns 1234"}, "cannot be met"));
  };
  EXPECT_EQ(select_within(shapes(), machine, budget, {}, only_at_first).error().line(),
            "cannot be met; ask for --max-decode-ns 1234")
      << "what was not found in time is not called impossible";
}

TEST(DecodeCeilings, ThatBindNothingAreNotSearchedWhereAnotherBoundIsUnmet) {
  const MachineDescription machine = open_machine("flexcim").value();
  int calls = 0;
  const auto too_sparse = [&](const SelectionRequest&) -> Result<Plan> {
    ++calls;
    return unmet(fail(Remedy{"ask for --sparsity 0.5"}, "cannot be met"));
  };
  const DecodeBudget budget{.most_ns = INT64_MAX, .most_nj = INT64_MAX};
  EXPECT_EQ(select_within(shapes(), machine, budget, {}, too_sparse).error().remedy, "ask for --sparsity 0.5");
  EXPECT_EQ(calls, 1);
}

TEST(DecodeCeilings, AreKeptBySelectionTogetherWithSparsity) {
  const MachineDescription machine = open_machine("flexcim").value();
  const Plan dense = plan_of(shapes());
  const DecodeCost before = decode_cost(shapes(), dense, machine, {}).value();
  const DecodeBudget budget{.most_ns = std::llround(0.7 * before.latency_ns), .most_nj = {}};
  SelectionRequest request{
      .method = Method::kErrorDiag, .sparsity = 0.1, .options = kPatterns, .granularity = Granularity::kMatrix};
  request.ceilings = decode_ceilings(shapes(), kPatterns, machine, budget).value();
  std::vector<std::vector<double>> costs;
  for (std::size_t i = 0; i < dense.matrices.size(); ++i)
    costs.push_back({0, 1 + 0.1 * static_cast<double>(i), 3 + 0.1 * static_cast<double>(i), 5});
  const auto plan = select_least_cost(dense, costs, request);
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_LE(total(request.ceilings[0], *plan), *budget.most_ns * 1000);
  EXPECT_GE(plan->sparsity(), 0.1);
  EXPECT_LE(decode_cost(shapes(), *plan, machine, budget)->latency_ns, 1.01 * static_cast<double>(*budget.most_ns));
  request.ceilings[0].most = 1;
  const auto refused = select_least_cost(dense, costs, request);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().line().find("at most 1 ns of decoding a token on flexcim cannot be met with") == 0)
      << refused.error().line();
  EXPECT_TRUE(refused.error().remedy.starts_with("ask for --max-decode-ns ")) << refused.error().remedy;
}

}  // namespace
}  // namespace sparsecim
