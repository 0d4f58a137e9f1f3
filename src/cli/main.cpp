// The command line. Exit status: 0 done; 1 the input or the run failed, a value out of range included; 2 the command
// line cannot be read.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.hpp"
#include "base/nearest.hpp"
#include "base/provenance.hpp"
#include "base/threads.hpp"
#include "cli/help.hpp"
#include "cli/verb.hpp"

namespace sparsecim {
namespace {

constexpr auto kVerbs = {add_inspect,  add_eval,  add_generate, add_select,  add_prune,   add_monarch,
                         add_simulate, add_sweep, add_rtl,      add_explain, add_codesign};

/// "; did you mean 'eval'?", or what to do where nothing is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& valid, std::string_view otherwise) {
  for (const std::string& candidate : nearest(word, valid, 1))
    if (edit_distance(word, candidate) <= std::max<std::size_t>(2, word.size() / 3))
      return fmt::format("; did you mean '{}'?", candidate);
  return fmt::format("; {}", otherwise);
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// What is wrong with the command line, in one line: an unknown verb, an unknown option, or what the parser says.
std::string usage_error(CLI::App& app, const std::vector<std::string>& arguments, const CLI::ParseError& error) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (arguments.empty()) return "no verb; see 'sparsecim --help'";
  if (!arguments[0].starts_with('-') && std::ranges::count(verbs, arguments[0]) == 0)
    return fmt::format("unknown verb '{}'{}", arguments[0], suggestion(arguments[0], verbs, "see 'sparsecim --help'"));
  const bool no_verb = arguments[0].starts_with('-');
  const CLI::App& verb = no_verb ? app : *app.get_subcommand(arguments[0]);
  const std::string help = no_verb ? "options of a verb go behind it; see 'sparsecim --help'"
                                   : fmt::format("see 'sparsecim {} --help'", verb.get_name());
  const auto options = option_names(verb);
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (!name.starts_with("--") || std::ranges::count(options, name) != 0) continue;
    return fmt::format("unknown option '{}'{}", name, suggestion(name, options, help));
  }
  std::string message = error.what();
  std::ranges::replace(message, '\n', ' ');
  return fmt::format("{}; {}", message, help);
}

/// Options that every verb has, after its own.
void add_common(CLI::App& verb, CommonOptions& common) {
  verb.add_option("--threads", common.threads, "threads to use (default: the machine's cores)");
  verb.add_flag("--force", common.force, "replace an output directory that exists, where sparsecim wrote all of it");
}

Result<void> run_verb(const VerbAction& run, const CommonOptions& common) {
  if (common.threads) {
    SC_TRY(require_range("--threads", *common.threads, 1, 1024));
    set_thread_count(*common.threads);
  }
  SC_TRY(run());
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return fail("the result cannot be written to the standard output");
  return {};
}

/// The last resort: an exception that no room turned into an error must still unwind, so that temporary files go.
Result<void> run_guarded(const VerbAction& run, const CommonOptions& common) {
  try {
    return run_verb(run, common);
  } catch (const std::bad_alloc&) {
    return fail(Remedy{"use a smaller model or input, or a machine with more"}, "out of memory");
  } catch (const std::exception& error) {
    return fail("{}", error.what());
  }
}

/// Names in a message come from files: no line breaks, nothing that a terminal would obey.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

int program(int argc, char** argv) {
  CLI::App app("From a language-model checkpoint to sparse silicon: measure, prune, evaluate, simulate.", "sparsecim");
  app.set_version_flag("--version", fmt::format("sparsecim {}", version()));
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  CommonOptions common;
  VerbAction run;
  for (const auto add : kVerbs) add(app, common, run);
  for (CLI::App* verb : app.get_subcommands({})) add_common(*verb, common);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "error: {}\n", usage_error(app, {argv + 1, argv + argc}, error));
    return 2;
  }
  const Result<void> done = run_guarded(run, common);
  if (done) return 0;
  std::fflush(stdout);
  fmt::print(stderr, "error: {}\n", one_line(done.error().line()));
  return 1;
}

}  // namespace
}  // namespace sparsecim

// NOLINTNEXTLINE(bugprone-exception-escape): only where memory runs out before a verb starts, and with it any remedy
int main(int argc, char** argv) {
  sparsecim::catch_interrupts();
  return sparsecim::program(argc, argv);
}
