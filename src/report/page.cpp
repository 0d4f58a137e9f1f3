#include "report/page.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "report/page_assets.hpp"

namespace sparsecim::report {
namespace {

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
         script_hash(kScript) + "'";
}

Html head(const std::string& title) {
  return element("head", {}, element("meta", {{"charset", "utf-8"}}),
                 element("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", content_policy()}}),
                 element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
                 element("meta", {{"name", "color-scheme"}, {"content", "light dark"}}),
                 element("link", {{"rel", "icon"}, {"href", "data:,"}}), element("title", {}, title),
                 element("style", {}, Html::trusted(kStyle)));
}

}  // namespace

std::string page(const std::string& title, const Html& content) {
  const Html body = element("body", {}, element("main", {}, content), element("script", {}, Html::trusted(kScript)));
  return "<!DOCTYPE html>\n" + element("html", {{"lang", "en"}}, head(title), body).str() + "\n";
}

}  // namespace sparsecim::report
