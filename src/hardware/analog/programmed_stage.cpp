#include "hardware/analog/programmed_stage.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/check.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

/// Tokens whose digits wait in the cache while the cells of a piece go by.
constexpr std::int64_t kTokensAtOnce = 16;
constexpr std::int64_t kStripSums = kPlanesAtOnce * kColumnsAtOnce;
constexpr std::int64_t kLargestExactSum = 1 << 24;  // in single precision

/// Seeds of their own for what is numbered by `a` and `b`.
std::uint64_t seed_of(std::uint64_t seed, std::int64_t a, std::int64_t b) {
  std::uint64_t z = seed;
  for (const std::int64_t number : {a, b}) {
    // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), in which neighbours become strangers.
    z = (z + static_cast<std::uint64_t>(number) + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
  }
  return z;
}

using ByBlock = std::map<std::int64_t, std::vector<std::int64_t>>;

ByBlock by_block(const ArrayStage& stage, const ArrayStage::Order& order, const Strided& addresses) {
  ByBlock blocks;
  for (std::int64_t i = 0; i < addresses.count; ++i)
    blocks[stage.channel_at(order, addresses.at(i)).block].push_back(addresses.at(i));
  return blocks;
}

}  // namespace

ProgrammedStage::ProgrammedStage(std::shared_ptr<const Layout> layout, const StageNumbers& numbers,
                                 const CellNoise& noise, std::uint64_t seed)
    : layout_(std::move(layout)),
      numbers_(numbers),
      code_(converter_code(*layout_, numbers.format, numbers.converters)),
      noise_(noise),
      seed_(seed) {}

/// Cells between a row of one block and a column of another are empty and add nothing.
void ProgrammedStage::cut_into_pieces() {
  const ArrayStage& stage = layout_->stage();
  for (std::int64_t tile = 0; tile < layout_->tiles(); ++tile)
    for (std::int64_t s = 0; s < layout_->steps(tile); ++s) {
      const LayoutStep step = layout_->step(tile, 0, s);
      ByBlock outputs = by_block(stage, stage.out, step.outputs);
      for (auto& [block, inputs] : by_block(stage, stage.in, step.inputs))
        if (const auto found = outputs.find(block); found != outputs.end())
          pieces_.push_back({.inputs = inputs, .outputs = std::move(found->second), .cells = {}});
    }
}

void ProgrammedStage::write(std::span<const std::int64_t> weights, Piece& piece, NoiseSource& source) const {
  const ArrayStage& stage = layout_->stage();
  const NumberFormat& format = numbers_.format;
  const bool exact = noise_.as_written();
  piece.cells.assign(static_cast<std::size_t>(format.slices() * piece.strips() * piece.rows() * kColumnsAtOnce), 0);
  for (std::int64_t r = 0; r < piece.rows(); ++r) {
    const auto [block, input] = stage.channel_at(stage.in, piece.inputs[static_cast<std::size_t>(r)]);
    for (std::int64_t c = 0; c < std::ssize(piece.outputs); ++c) {
      const std::int64_t output = stage.channel_at(stage.out, piece.outputs[static_cast<std::size_t>(c)]).channel;
      const std::int64_t weight = weights[static_cast<std::size_t>(stage.weight(block, output, input))];
      for (std::int64_t slice = 0; slice < format.slices(); ++slice) {
        const std::int64_t level = format.level(weight, slice);
        const std::int64_t strip = slice * piece.strips() + c / kColumnsAtOnce;
        piece.cells[static_cast<std::size_t>((strip * piece.rows() + r) * kColumnsAtOnce + c % kColumnsAtOnce)] =
            exact ? static_cast<float>(level) : written_conductance(level, format.largest_level(), noise_, source);
      }
    }
  }
}

Result<ProgrammedStage> ProgrammedStage::program(std::shared_ptr<const Layout> layout, const StageNumbers& numbers,
                                                 std::span<const std::int64_t> weights, const CellNoise& noise,
                                                 std::uint64_t seed) {
  ProgrammedStage stage(std::move(layout), numbers, noise, seed);
  const NumberFormat& format = numbers.format;
  const std::int64_t offset = format.offset();
  if (std::ssize(weights) != stage.layout_->stage().weights())
    return fail("{} weights for a factor of {}", weights.size(), stage.layout_->stage().weights());
  for (const std::int64_t weight : weights)
    if (weight < -offset || weight >= offset)
      return fail("the weight {} does not fit {} bits", weight, format.weight_bits);
  const std::int64_t largest =
      stage.layout_->summed_rows() * format.largest_level() * ((std::int64_t{1} << format.plane_bits) - 1);
  if (largest >= kLargestExactSum)
    return fail(Remedy{"take arrays of fewer rows, or fewer bits in a cell or plane"},
                "sums of up to {} are more than single precision counts", largest);
  stage.cut_into_pieces();
  parallel_for(std::ssize(stage.pieces_), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      NoiseSource source(seed_of(seed, -1, p));
      stage.write(weights, stage.pieces_[static_cast<std::size_t>(p)], source);
    }
  });
  return stage;
}

/// Some tokens of one product, on one thread.
class ProgrammedStage::Reader {
 public:
  Reader(const ProgrammedStage& stage, std::span<const std::int64_t> inputs, std::int64_t first_token,
         std::span<std::int64_t> outputs)
      : stage_(stage),
        inputs_(inputs),
        outputs_(outputs),
        first_token_(first_token),
        planes_(stage.numbers_.format.planes(stage.numbers_.stage)),
        groups_((planes_ + kPlanesAtOnce - 1) / kPlanesAtOnce) {}

  void read(std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kTokensAtOnce)
      for (std::size_t p = 0; p < stage_.pieces_.size(); ++p)
        read(stage_.pieces_[p], static_cast<std::int64_t>(p), first, std::min(kTokensAtOnce, end - first));
  }

  const ConversionCount& count() const { return count_; }

 private:
  std::int64_t value(std::int64_t token, std::int64_t address) const {
    return inputs_[static_cast<std::size_t>(token * stage_.layout_->stage().read() + address)];
  }

  void read(const Piece& piece, std::int64_t number, std::int64_t first, std::int64_t tokens) {
    take_digits(piece, first, tokens);
    const std::int64_t columns = std::ssize(piece.outputs);
    totals_.assign(static_cast<std::size_t>(tokens * piece.strips() * kColumnsAtOnce), 0);
    std::vector<NoiseSource> sources;
    for (std::int64_t t = 0; t < tokens; ++t)
      sources.emplace_back(seed_of(stage_.seed_, first_token_ + first + t, number));
    for (std::int64_t slice = 0; slice < stage_.numbers_.format.slices(); ++slice)
      for (std::int64_t strip = 0; strip < piece.strips(); ++strip)
        for (std::int64_t t = 0; t < tokens; ++t)
          for (std::int64_t group = 0; group < groups_; ++group)
            read_strip(piece, slice, strip, t, group, sources[static_cast<std::size_t>(t)]);
    count_.conversions += tokens * columns * planes_ * stage_.numbers_.format.slices();
    store(piece, first, tokens);
  }

  /// digits_ [tokens, groups, rows, kPlanesAtOnce], and deviations_ [tokens, groups, kPlanesAtOnce] of their reads.
  void take_digits(const Piece& piece, std::int64_t first, std::int64_t tokens) {
    const NumberFormat& format = stage_.numbers_.format;
    digits_.assign(static_cast<std::size_t>(tokens * groups_ * piece.rows() * kPlanesAtOnce), 0);
    deviations_.assign(static_cast<std::size_t>(tokens * groups_ * kPlanesAtOnce), 0);
    const auto scale = static_cast<float>(stage_.noise_.read * static_cast<double>(format.largest_level()));
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t plane = 0; plane < planes_; ++plane) {
        const std::int64_t group = t * groups_ + plane / kPlanesAtOnce, at = plane % kPlanesAtOnce;
        float squares = 0;
        for (std::int64_t r = 0; r < piece.rows(); ++r) {
          const auto digit = static_cast<float>(
              format.digit(value(first + t, piece.inputs[static_cast<std::size_t>(r)]), plane, planes_));
          digits_[static_cast<std::size_t>((group * piece.rows() + r) * kPlanesAtOnce + at)] = digit;
          squares += digit * digit;
        }
        deviations_[static_cast<std::size_t>(group * kPlanesAtOnce + at)] = scale * std::sqrt(squares);
      }
  }

  void read_strip(const Piece& piece, std::int64_t slice, std::int64_t strip, std::int64_t token, std::int64_t group,
                  NoiseSource& source) {
    const NumberFormat& format = stage_.numbers_.format;
    const std::int64_t at = token * groups_ + group;
    float sums[kStripSums];
    strip_sums(piece.strip(slice, strip), piece.rows(), digits_.data() + at * piece.rows() * kPlanesAtOnce, sums);
    if (stage_.noise_.any_read()) add_noise(deviations_.data() + at * kPlanesAtOnce, source, sums);
    const std::int64_t first_plane = group * kPlanesAtOnce, planes = std::min(kPlanesAtOnce, planes_ - first_plane);
    count_.clipped +=
        add_converted(sums,
                      {.planes = planes,
                       .columns = std::min(kColumnsAtOnce, std::ssize(piece.outputs) - strip * kColumnsAtOnce),
                       .converter = {stage_.code_.bits, stage_.code_.shift},
                       .shift = first_plane * format.plane_bits + slice * format.cell_bits,
                       .shift_per_plane = format.plane_bits,
                       .last_is_sign = first_plane + planes == planes_},
                      totals_.data() + (token * piece.strips() + strip) * kColumnsAtOnce);
  }

  static void add_noise(const float* deviations, NoiseSource& source, float* sums) {
    float noise[kStripSums];
    source.fill(noise);
    for (std::int64_t plane = 0; plane < kPlanesAtOnce; ++plane)
      for (std::int64_t c = 0; c < kColumnsAtOnce; ++c)
        sums[plane * kColumnsAtOnce + c] += deviations[plane] * noise[plane * kColumnsAtOnce + c];
  }

  /// Adds the totals to the outputs, less what the weights' offset makes of the inputs.
  void store(const Piece& piece, std::int64_t first, std::int64_t tokens) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      std::int64_t offsets = 0;
      for (const std::int64_t address : piece.inputs) offsets += value(first + t, address);
      offsets *= stage_.numbers_.format.offset();
      std::int64_t* out = outputs_.data() + (first + t) * stage_.layout_->stage().written();
      const std::int64_t* total = totals_.data() + t * piece.strips() * kColumnsAtOnce;
      for (std::size_t c = 0; c < piece.outputs.size(); ++c) out[piece.outputs[c]] += total[c] - offsets;
    }
  }

  const ProgrammedStage& stage_;
  std::span<const std::int64_t> inputs_;
  std::span<std::int64_t> outputs_;
  std::int64_t first_token_, planes_, groups_;
  std::vector<float> digits_, deviations_;
  std::vector<std::int64_t> totals_;
  ConversionCount count_;
};

ConversionCount ProgrammedStage::multiply(std::span<const std::int64_t> inputs, std::int64_t first_token,
                                          std::span<std::int64_t> outputs) const {
  const ArrayStage& stage = layout_->stage();
  const std::int64_t tokens = std::ssize(inputs) / stage.read();
  SC_CHECK(std::ssize(inputs) == tokens * stage.read() && std::ssize(outputs) == tokens * stage.written());
  std::ranges::fill(outputs, 0);
  ConversionCount count;
  std::mutex mutex;
  parallel_for(tokens, [&](std::int64_t begin, std::int64_t end) {
    Reader reader(*this, inputs, first_token, outputs);
    reader.read(begin, end);
    const std::lock_guard lock(mutex);
    count += reader.count();
  });
  return count;
}

}  // namespace sparsecim
