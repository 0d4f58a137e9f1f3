// Reads JSON strings, one per line, and writes for each {"ids": [...], "as_model": [...], "decoded": text, "exact":
// whether that is the text}: what tests/oracle/tokenizers_test.py compares with the library `tokenizers`.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "base/file.hpp"
#include "checkpoint/gguf_model.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path vocabulary, config, write_to;
  std::int64_t size = 0;
};

Result<Vocabulary> read_vocabulary(const Options& options) {
  if (options.vocabulary.extension() == ".json") {
    SC_TRY_ASSIGN(const Json tokenizer, read_json_file(options.vocabulary));
    Json config;
    if (!options.config.empty()) {
      SC_TRY_ASSIGN(config, read_json_file(options.config));
    }
    return vocabulary_from_tokenizer_json(tokenizer, config);
  }
  if (options.vocabulary.extension() == ".gguf") {
    SC_TRY_ASSIGN(const MappedFile file, MappedFile::open(options.vocabulary));
    SC_TRY_ASSIGN(const Gguf gguf, parse_gguf(file.bytes()));
    return gguf_vocabulary(gguf);
  }
  SC_TRY_ASSIGN(const std::string bytes, read_text_file(options.vocabulary));
  if (options.vocabulary.extension() == ".model") {
    TokenizerCompanions companions;
    if (!options.config.empty()) {
      SC_TRY_ASSIGN(companions.config, read_json_file(options.config));
    }
    return vocabulary_from_sentencepiece(bytes, companions);
  }
  return vocabulary_from_llama2c(bytes, options.size);
}

Result<void> write_files(const Vocabulary& vocabulary, const fs::path& directory) {
  const TokenizerFiles files = to_tokenizer_files(vocabulary);
  SC_TRY(write_json_file(directory / "tokenizer.json", files.tokenizer));
  return write_json_file(directory / "tokenizer_config.json", files.config);
}

Result<void> tokenize(const Tokenizer& tokenizer, std::istream& lines, std::ostream& out) {
  for (std::string line; std::getline(lines, line);) {
    SC_TRY_ASSIGN(const Json json, parse_json(line));
    const auto text = json.get<std::string>();
    SC_TRY_ASSIGN(const std::vector<TokenId> ids, tokenizer.encode(text));
    SC_TRY_ASSIGN(const std::vector<TokenId> as_model, tokenizer.encode_as_model(text));
    const std::string decoded = tokenizer.decode(ids);
    const Json answer = {{"ids", ids}, {"as_model", as_model}, {"decoded", decoded}, {"exact", decoded == text}};
    out << answer.dump(-1, ' ', true, Json::error_handler_t::replace) << '\n';
  }
  return {};
}

Result<void> run(const Options& options) {
  SC_TRY_ASSIGN(Vocabulary vocabulary, read_vocabulary(options));
  SC_TRY_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, make_tokenizer(std::move(vocabulary)));
  if (!options.write_to.empty()) SC_TRY(write_files(tokenizer->vocabulary(), options.write_to));
  return tokenize(*tokenizer, std::cin, std::cout);
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) {
  CLI::App app("Tokenizes JSON strings from standard input, one per line.");
  sparsecim::Options options;
  app.add_option("vocabulary", options.vocabulary,
                 "tokenizer.json, tokenizer.model, a GGUF file, or tokenizer.bin with --size")
      ->required();
  app.add_option("--config", options.config, "tokenizer_config.json");
  app.add_option("--size", options.size, "tokens in a tokenizer.bin");
  app.add_option("--write", options.write_to, "directory for tokenizer.json and tokenizer_config.json");
  CLI11_PARSE(app, argc, argv);
  if (const auto done = sparsecim::run(options); !done) {
    std::cerr << "error: " << done.error().line() << '\n';
    return 1;
  }
  return 0;
}
