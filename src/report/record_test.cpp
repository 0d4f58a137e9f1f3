#include "report/record.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "report/test_record.hpp"

namespace sparsecim::report {
namespace {

using testing::HasSubstr;

std::string error_of(const Json& json) {
  const auto record = record_from_json(json);
  return record ? "" : record.error().line();
}

Json changed(const char* pointer, Json value) {
  Json record = test_record::record(2);
  record[Json::json_pointer(pointer)] = std::move(value);
  return record;
}

Json without(const char* parent, const char* key) {
  Json record = test_record::record(2);
  record[Json::json_pointer(parent)].erase(key);
  return record;
}

TEST(Record, ReadsEveryNumberThatThePageShows) {
  const auto record = record_from_json(test_record::record(2));
  ASSERT_TRUE(record) << record.error().line();
  EXPECT_EQ(record->model.name, "SmolLM2-135M-Instruct");
  ASSERT_EQ(record->variants.size(), 3u);
  EXPECT_EQ(record->variants[2].quality.perplexity, 25.48);
  EXPECT_EQ(record->variants[0].hardware[1].latency_ns, 195e3);
  EXPECT_EQ(record->variants[0].hardware[1].energy_by_component.front().first, "adder_tree");
  EXPECT_EQ(record->selection.matrices[7].block, 1);
  EXPECT_EQ(record->selection.matrices[7].pattern, "4:8");
  EXPECT_EQ(record->request.phases[1].name, "decode");
  EXPECT_EQ(record->request.calibration.samples, 32);
  EXPECT_EQ(record->provenance.seed, "0");
  EXPECT_EQ(record->stages[1].seconds, 41.2);
}

TEST(Record, NamesThePlaceOfAWrongType) {
  EXPECT_EQ(error_of(changed("/variants/1/hardware/0/latency_ns", "fast")),
            "record: variants[1]: hardware[0]: 'latency_ns' is not a number");
  EXPECT_EQ(error_of(changed("/selection/matrices/3/block", 1.5)),
            "record: selection: matrices[3]: 'block' is not a whole number");
  EXPECT_EQ(error_of(changed("/selection/blocks/1/block", -1)),
            "record: selection: blocks[1]: 'block' is -1, outside 0 .. 9223372036854775807");
  EXPECT_EQ(error_of(changed("/variants", 7)), "record: 'variants' is not a list");
  EXPECT_EQ(error_of(changed("/variants/0", 7)),
            "record: variants[0]: 'name' is looked for in something that is not an object");
  EXPECT_EQ(error_of(changed("/variants/0/quality", 7)), "record: variants[0]: quality: is not an object");
  EXPECT_EQ(error_of(changed("/variants/0/hardware/0/energy_by_component/adder_tree", "x")),
            "record: variants[0]: hardware[0]: energy_by_component: 'adder_tree' is not a number");
  EXPECT_EQ(error_of(changed("/notes/0", 7)), "record: notes[0]: is not a string");
  EXPECT_EQ(error_of(changed("/request", Json::array())), "record: request: is not an object");
  EXPECT_EQ(error_of(changed("/provenance/seed", Json::array())), "record: provenance: 'seed' is not a number");
}

TEST(Record, NamesARequiredKeyThatIsMissing) {
  EXPECT_EQ(error_of(without("", "schema")), "record: 'schema' is missing");
  EXPECT_EQ(error_of(without("", "model")), "record: 'model' is missing");
  EXPECT_EQ(error_of(without("", "variants")), "record: 'variants' is missing");
  EXPECT_EQ(error_of(without("/model", "name")), "record: model: 'name' is missing");
  EXPECT_EQ(error_of(without("/variants/1", "label")), "record: variants[1]: 'label' is missing");
  EXPECT_EQ(error_of(without("/variants/0/hardware/0", "phase")),
            "record: variants[0]: hardware[0]: 'phase' is missing");
}

TEST(Record, RefusesAnotherSchema) {
  EXPECT_EQ(error_of(changed("/schema", "sparsecim.record/2")),
            "record: 'schema' is 'sparsecim.record/2', not 'sparsecim.record/1'");
  EXPECT_THAT(error_of(Json::array()), HasSubstr("is not an object"));
  EXPECT_THAT(error_of(nullptr), HasSubstr("is not an object"));
}

TEST(Record, TakesNullAndWhatIsNotFiniteForAbsent) {
  for (const Json& absent : {Json(nullptr), Json(std::nan("")), Json(INFINITY)}) {
    const auto record = record_from_json(changed("/variants/2/quality/perplexity", absent));
    ASSERT_TRUE(record) << record.error().line();
    EXPECT_FALSE(record->variants[2].quality.perplexity);
  }
}

TEST(Record, NeedsNothingButANameAndTheListOfVariants) {
  const Json least = {{"schema", "sparsecim.record/1"}, {"model", {{"name", "m"}}}, {"variants", Json::array()}};
  EXPECT_EQ(error_of(least), "");
}

}  // namespace
}  // namespace sparsecim::report
