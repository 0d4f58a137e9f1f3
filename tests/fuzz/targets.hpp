#pragma once

#include <span>
#include <string_view>

namespace sparsecim::fuzz {

// One function per parser, in the file of its name. Each gives `input` to the parser and aborts where a promise of its
// header is broken: what is accepted can be read, and what is written again reads as the same.

void activities(std::string_view input);
void config(std::string_view input);
void corpus(std::string_view input);
void gguf(std::string_view input);
void gguf_vocabulary(std::string_view input);
void json(std::string_view input);
void llama2c(std::string_view input);
void machine(std::string_view input);
void patterns(std::string_view input);
void plan(std::string_view input);
void questions(std::string_view input);
void record(std::string_view input);
void regex(std::string_view input);
void safetensors(std::string_view input);
void sentencepiece(std::string_view input);
void shapes(std::string_view input);
void shard_index(std::string_view input);
void statistics(std::string_view input);
void stream(std::string_view input);
void synthesis(std::string_view input);
void tokenizer_bin(std::string_view input);
void tokenizer_json(std::string_view input);
void utf8(std::string_view input);

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};
inline constexpr Target kTargets[] = {{"activities", activities},
                                      {"config", config},
                                      {"corpus", corpus},
                                      {"gguf", gguf},
                                      {"gguf_vocabulary", gguf_vocabulary},
                                      {"json", json},
                                      {"llama2c", llama2c},
                                      {"machine", machine},
                                      {"patterns", patterns},
                                      {"plan", plan},
                                      {"questions", questions},
                                      {"record", record},
                                      {"regex", regex},
                                      {"safetensors", safetensors},
                                      {"sentencepiece", sentencepiece},
                                      {"shapes", shapes},
                                      {"shard_index", shard_index},
                                      {"statistics", statistics},
                                      {"stream", stream},
                                      {"synthesis", synthesis},
                                      {"tokenizer_bin", tokenizer_bin},
                                      {"tokenizer_json", tokenizer_json},
                                      {"utf8", utf8}};

}  // namespace sparsecim::fuzz
