#include "monarch/monarch.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sparsecim {
namespace {

using Ints = std::vector<std::int64_t>;

Ints random_ints(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::int64_t> uniform(-8, 7);
  Ints values(static_cast<std::size_t>(n));
  for (std::int64_t& value : values) value = uniform(random);
  return values;
}

struct Factors {
  Ints left, right;
};

Factors random_factors(const MonarchShape& shape, unsigned seed) {
  return {random_ints(shape.left_parameters(), seed), random_ints(shape.right_parameters(), seed + 1)};
}

Ints product(const MonarchShape& shape, const Factors& factors, const Ints& x) {
  return monarch_product<std::int64_t>(shape, factors.left, factors.right, x);
}

/// [n_out, n_in] row-major, column by column.
Ints dense(const MonarchShape& shape, const Factors& factors) {
  Ints matrix(static_cast<std::size_t>(shape.n_out * shape.n_in));
  for (std::int64_t column = 0; column < shape.n_in; ++column) {
    Ints unit(static_cast<std::size_t>(shape.n_in));
    unit[static_cast<std::size_t>(column)] = 1;
    const Ints values = product(shape, factors, unit);
    for (std::int64_t row = 0; row < shape.n_out; ++row)
      matrix[static_cast<std::size_t>(row * shape.n_in + column)] = values[static_cast<std::size_t>(row)];
  }
  return matrix;
}

/// A vector as a rows x columns matrix, transposed.
Ints transposed(const Ints& x, std::int64_t rows, std::int64_t columns) {
  Ints result;
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t r = 0; r < rows; ++r) result.push_back(x[static_cast<std::size_t>(r * columns + c)]);
  return result;
}

/// Block-diagonal, blocks of [rows, columns].
Ints block_diagonal(const Ints& factor, std::int64_t rows, std::int64_t columns, const Ints& x) {
  Ints result;
  for (std::size_t at = 0, input = 0; at < factor.size(); input += static_cast<std::size_t>(columns))
    for (std::int64_t row = 0; row < rows; ++row) {
      std::int64_t sum = 0;
      for (std::int64_t column = 0; column < columns; ++column)
        sum += factor[at++] * x[input + static_cast<std::size_t>(column)];
      result.push_back(sum);
    }
  return result;
}

TEST(Monarch, OfSquaresIsTheProductOfItsFiveMatrices) {
  const MonarchShape shape = monarch_of_squares(25, 25).value();
  const Factors factors = random_factors(shape, 1);
  const Ints x = random_ints(25, 3);
  const Ints middle = block_diagonal(factors.right, 5, 5, transposed(x, 5, 5));
  EXPECT_EQ(product(shape, factors, x), transposed(block_diagonal(factors.left, 5, 5, transposed(middle, 5, 5)), 5, 5));
}

TEST(Monarch, EntriesOfSquaresAreProductsOfOneWeightOfEachFactor) {
  const std::int64_t b = 4;
  const MonarchShape shape = monarch_of_squares(16, 16).value();
  const Factors factors = random_factors(shape, 5);
  const Ints matrix = dense(shape, factors);
  for (std::int64_t i = 0; i < b; ++i)
    for (std::int64_t j = 0; j < b; ++j)
      for (std::int64_t k = 0; k < b; ++k)
        for (std::int64_t l = 0; l < b; ++l)
          EXPECT_EQ(matrix[static_cast<std::size_t>((i * b + j) * 16 + l * b + k)],
                    factors.left[static_cast<std::size_t>((j * b + i) * b + k)] *
                        factors.right[static_cast<std::size_t>((k * b + j) * b + l)]);
}

/// Gaussian elimination modulo a prime; with random entries the rank is that over the rationals.
std::int64_t rank_of(std::vector<Ints> rows) {
  constexpr std::int64_t kPrime = 1000003;
  const auto modulo = [](std::int64_t value) { return ((value % kPrime) + kPrime) % kPrime; };
  const auto inverse = [&](std::int64_t value) {
    std::int64_t result = 1;
    for (std::int64_t power = kPrime - 2; power > 0; power /= 2, value = value * value % kPrime)
      if (power % 2 == 1) result = result * value % kPrime;
    return result;
  };
  std::size_t rank = 0;
  for (std::size_t column = 0; !rows.empty() && column < rows[0].size() && rank < rows.size(); ++column) {
    std::size_t pivot = rank;
    while (pivot < rows.size() && modulo(rows[pivot][column]) == 0) ++pivot;
    if (pivot == rows.size()) continue;
    std::swap(rows[rank], rows[pivot]);
    const std::int64_t scale = inverse(modulo(rows[rank][column]));
    for (std::size_t row = rank + 1; row < rows.size(); ++row) {
      const std::int64_t factor = modulo(rows[row][column]) * scale % kPrime;
      for (std::size_t c = 0; c < rows[row].size(); ++c)
        rows[row][c] = modulo(modulo(rows[row][c]) - factor * modulo(rows[rank][c]));
    }
    ++rank;
  }
  return static_cast<std::int64_t>(rank);
}

TEST(Monarch, SlicesHaveTheRankOfTheMiddleChannelsThatTheirBlocksShare) {
  for (const auto& [n_out, n_in, blocks] : {std::tuple{24, 24, 4}, {24, 36, 4}, {30, 18, 3}, {20, 20, 5}}) {
    const MonarchShape shape = monarch_of_blocks(n_out, n_in, blocks).value();
    const Ints matrix = dense(shape, random_factors(shape, 7));
    std::int64_t ranks = 0;
    for (std::int64_t b = 0; b < blocks; ++b)
      for (std::int64_t k = 0; k < blocks; ++k) {
        std::vector<Ints> slice;
        for (std::int64_t i = 0; i < shape.outputs && shape.output_of(b, i) < n_out; ++i) {
          slice.emplace_back();
          for (std::int64_t l = 0; l < shape.inputs && shape.input_of(k, l) < n_in; ++l)
            slice.back().push_back(
                matrix[static_cast<std::size_t>(shape.output_of(b, i) * n_in + shape.input_of(k, l))]);
        }
        EXPECT_EQ(rank_of(slice), shape.slice_rank(b, k)) << n_out << " x " << n_in << ", slice " << b << ", " << k;
        ranks += shape.slice_rank(b, k);
      }
    EXPECT_EQ(ranks, shape.middle_channels());
  }
}

TEST(Monarch, IndicesOfInputsMiddleAndOutputsArePermutations) {
  for (const MonarchShape& shape : {monarch_of_blocks(30, 18, 4).value(), monarch_of_blocks(7, 19, 3).value(),
                                    monarch_of_squares(10, 30).value()}) {
    std::vector<int> in(static_cast<std::size_t>(shape.padded_inputs()));
    std::vector<int> written(static_cast<std::size_t>(shape.middle_channels())), read = written;
    std::vector<int> out(static_cast<std::size_t>(shape.padded_outputs()));
    for (std::int64_t block = 0; block < shape.blocks; ++block) {
      for (std::int64_t l = 0; l < shape.inputs; ++l) in.at(static_cast<std::size_t>(shape.input_of(block, l)))++;
      for (std::int64_t j = 0; j < shape.middle; ++j) {
        written.at(static_cast<std::size_t>(shape.written_middle(block, j)))++;
        read.at(static_cast<std::size_t>(shape.read_middle(block, j)))++;
      }
      for (std::int64_t i = 0; i < shape.outputs; ++i) out.at(static_cast<std::size_t>(shape.output_of(block, i)))++;
    }
    for (const std::vector<int>& times : {in, written, read, out})
      for (const int count : times) EXPECT_EQ(count, 1);
  }
}

/// Of a factor, weights that change some entry of the dense matrix.
std::int64_t reaching_weights(const MonarchShape& shape) {
  const Factors ones{Ints(static_cast<std::size_t>(shape.left_parameters()), 1),
                     Ints(static_cast<std::size_t>(shape.right_parameters()), 1)};
  const Ints before = dense(shape, ones);
  std::int64_t count = 0;
  for (Ints Factors::* factor : {&Factors::left, &Factors::right})
    for (std::size_t i = 0; i < (ones.*factor).size(); ++i) {
      Factors changed = ones;
      (changed.*factor)[i] = 2;
      count += dense(shape, changed) != before;
    }
  return count;
}

TEST(Monarch, UsefulParametersAreThoseThatChangeTheMatrix) {
  for (const MonarchShape& shape :
       {monarch_of_squares(16, 4).value(), monarch_of_squares(4, 16).value(), monarch_of_squares(7, 9).value(),
        monarch_of_blocks(10, 7, 3).value(), monarch_of_blocks(5, 11, 5).value()})
    EXPECT_EQ(shape.useful_parameters(), reaching_weights(shape)) << shape.n_out << " x " << shape.n_in;
  // A feed-forward matrix of BERT-large, padded from 4096 x 1024 to 4096 x 4096: half of the factors is what it uses.
  MonarchShape feed_forward = monarch_of_squares(4096, 1024).value();
  EXPECT_EQ(feed_forward.parameters(), 524288);
  EXPECT_EQ(feed_forward.useful_parameters(), 327680);
  feed_forward.strided_inputs = false;
  EXPECT_EQ(feed_forward.useful_parameters(), 131072);
}

TEST(Monarch, OfSquaresPadsBothSidesToTheNextSquare) {
  EXPECT_EQ(monarch_of_squares(1024, 1024)->blocks, 32);
  EXPECT_EQ(monarch_of_squares(1025, 1024)->blocks, 33);
  EXPECT_EQ(monarch_of_squares(1, 1)->blocks, 1);
  EXPECT_EQ(monarch_of_squares(2, 1 << 24)->blocks, 4096);
}

TEST(Monarch, OfBlocksHasAMiddleAsWideAsTheNarrowerSide) {
  const MonarchShape shape = monarch_of_blocks(4096, 1024, 4).value();
  EXPECT_EQ(shape, (MonarchShape{4096, 1024, 4, 256, 256, 1024, false}));
  EXPECT_EQ(shape.parameters(), 4 * 256 * 256 + 4 * 1024 * 256);
}

TEST(Monarch, RefusesMoreBlocksThanTheNarrowerSideHasChannels) {
  EXPECT_EQ(monarch_of_blocks(4096, 100, 101).error().line(),
            "a 4096 x 100 matrix has no 101 Monarch blocks; choose 1 .. 100 blocks");
  EXPECT_TRUE(monarch_of_blocks(4096, 100, 100));
  EXPECT_FALSE(monarch_of_blocks(8, 8, 0));
  EXPECT_FALSE(monarch_of_blocks(8, 0, 1));
  EXPECT_FALSE(monarch_of_squares(1, (std::int64_t{1} << 24) + 1));
}

TEST(Monarch, ShapesSurviveJson) {
  for (const MonarchShape& shape : {monarch_of_squares(4096, 1000).value(), monarch_of_blocks(31, 17, 5).value()})
    EXPECT_EQ(monarch_shape_from_json(to_json(shape)).value(), shape);
}

TEST(Monarch, ShapesFromJsonThatContradictThemselvesAreRefused) {
  const Json good = to_json(monarch_of_blocks(31, 17, 5).value());
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{{"shape", {31}},
                                                                            {"shape", {31, 18446744073709551615ull}},
                                                                            {"shape", {31, 26}},
                                                                            {"shape", {-1, 17}},
                                                                            {"shape", {31, 1.5}},
                                                                            {"block", {7, 4, 0}},
                                                                            {"block", {6, 4, 4}},
                                                                            {"block", {1 << 24, 1 << 24, 1 << 24}},
                                                                            {"blocks", 0},
                                                                            {"blocks", "5"},
                                                                            {"inputs", "sideways"},
                                                                            {"inputs", nullptr}}) {
    Json bad = good;
    bad[key] = value;
    EXPECT_FALSE(monarch_shape_from_json(bad)) << bad.dump();
  }
  EXPECT_FALSE(monarch_shape_from_json(Json::array()));
}

}  // namespace
}  // namespace sparsecim
