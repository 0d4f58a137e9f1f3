#include "report/report.hpp"

#include <openssl/evp.h>

#include <array>

#include "report/page_assets.hpp"
#include "report/sections.hpp"

namespace sparsecim {
namespace {

using report::element;
using report::Html;

/// Base64 of the SHA-256, as a content security policy names a script.
std::string script_hash(std::string_view script) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(script.data(), script.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string text(4 * ((size + 2) / 3) + 1, '\0');  // and the terminating zero that OpenSSL writes
  text.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest.data(), static_cast<int>(size))));
  return text;
}

/// Nothing is loaded, and only our own script runs: a second fence behind the escaping of every name.
std::string content_policy() {
  return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
         "script-src 'sha256-" +
         script_hash(report::kScript) + "'";
}

Html head(const std::string& title) {
  return element("head", {}, element("meta", {{"charset", "utf-8"}}),
                 element("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", content_policy()}}),
                 element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
                 element("meta", {{"name", "color-scheme"}, {"content", "light dark"}}),
                 element("link", {{"rel", "icon"}, {"href", "data:,"}}), element("title", {}, title),
                 element("style", {}, Html::trusted(report::kStyle)));
}

struct Part {
  const char* id;
  const char* name;
  Html content;
};

Html contents(const std::vector<Part>& parts) {
  Html links;
  for (const auto& part : parts)
    if (!part.content.empty()) links += element("a", {{"href", fmt::format("#{}", part.id)}}, part.name);
  return element("nav", {{"aria-label", "Contents"}}, links);
}

Html body(const report::Record& record) {
  const std::vector<Part> parts = {
      {"models", "Models", models_section(record)},       {"hardware", "Hardware", hardware_section(record)},
      {"patterns", "Patterns", patterns_section(record)}, {"done", "What was done", request_section(record)},
      {"repeat", "Repeat", repeat_section(record)},       {"notes", "Notes", notes_section(record)},
      {"terms", "Words", report::terms_section()}};
  Html content = title_section(record);
  content += verdict_section(record);
  content += contents(parts);
  for (const auto& part : parts) content += part.content;
  return element("body", {}, element("main", {}, content), element("script", {}, Html::trusted(report::kScript)));
}

}  // namespace

Result<std::string> render_report(const Json& json) {
  SC_TRY_ASSIGN(const report::Record record, report::record_from_json(json));
  const Html page = element("html", {{"lang", "en"}}, head(record.model.name + ", sparsecim report"), body(record));
  return "<!DOCTYPE html>\n" + page.str() + "\n";
}

}  // namespace sparsecim
