#include "trust/known_hosts.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <optional>

#include "core/ssh_data.h"
#include "trust/key_blob.h"

namespace tunneld::trust {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kSkippedInBase64 = "\r\v\f";  // by ssh, and no blanks

// The names of one daemon's profiles fit; the bound is for a daemon whose profiles change all the time.
constexpr std::size_t kMaxNamesKept = 1024;

// With so many lines that cannot be read the whole file is in doubt, and none is worth its memory.
constexpr std::size_t kMaxUnreadableKept = 1024;

constexpr std::string_view kEveryName = "*";  // whom a line speaks of when that cannot be told

void skip_blanks(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
}

// The next word; empty at the end of the line.
std::string_view take_word(std::string_view& rest) {
  skip_blanks(rest);
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

std::optional<Marker> marker_named(std::string_view word) {
  if (word == "@revoked") return Marker::revoked;
  if (word == "@cert-authority") return Marker::cert_authority;
  return std::nullopt;
}

// Those before the names, and what is wrong with them. Of several @revoked counts.
std::string take_markers(std::string_view& names, std::string_view& rest, Marker& marker) {
  std::string damage;
  for (; names.starts_with('@'); names = take_word(rest)) {
    const auto named = marker_named(names);
    if (!named) damage = "unknown marker";
    if (named && marker != Marker::none) damage = "two markers";
    if (named && marker != Marker::revoked) marker = *named;
  }
  return damage;
}

// ssh takes the names of RSA's signatures for the key's type as well.
bool is_type(std::string_view word, std::string_view type) {
  return word == type || (type == "ssh-rsa" && (word == "rsa-sha2-256" || word == "rsa-sha2-512"));
}

// The type of the keys that a line with this word can mean; empty when that cannot be told. A certificate stands for its key.
std::string plain_type(std::string_view word) {
  constexpr std::string_view kCertificate = "-cert-v01";
  constexpr std::array<std::string_view, 8> kTypes = {
      "ssh-rsa",             "ssh-dss",             "ssh-ed25519",
      "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
      "sk-ssh-ed25519",      "sk-ecdsa-sha2-nistp256"};
  constexpr std::string_view kDomain = "@openssh.com";
  if (word.ends_with(kDomain)) word.remove_suffix(kDomain.size());
  if (word.ends_with(kCertificate)) word.remove_suffix(kCertificate.size());
  if (is_type(word, "ssh-rsa")) return "ssh-rsa";
  if (std::find(kTypes.begin(), kTypes.end(), word) == kTypes.end()) return {};
  return std::string(word) + std::string(word.starts_with("sk-") ? kDomain : "");
}

// The key's two words, and what is wrong with them. A key that is whole is taken whatever the line says of its type, so
// that one that is revoked can be told.
std::string take_key(std::string_view& rest, KnownKey& key) {
  const std::string_view type = take_word(rest);
  key.type = plain_type(type);
  std::string base64(take_word(rest));
  std::erase_if(base64, [](char c) { return kSkippedInBase64.find(c) != std::string_view::npos; });
  if (base64.empty()) return "no host name, key type and key";
  const auto blob = decode_base64(base64);
  if (!blob) return "the key is not base64";
  const auto type_inside = key_type_of(*blob);
  if (!type_inside) return "the key is cut off or damaged";
  key.type = *type_inside;
  key.blob_base64 = std::move(base64);
  return is_type(type, key.type) ? "" : "the key is not of the type that the line says";
}

template <typename Function>
void for_each_part(std::string_view text, char separator, Function function) {
  for (;;) {
    const std::size_t end = text.find(separator);
    function(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

bool matches_pattern(std::string_view name, std::string_view pattern) {
  std::size_t n = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;  // where the last '*' stands
  std::size_t resume = 0;                     // how much of the name that '*' has left to what follows it
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

KnownHosts KnownHosts::parse(std::string_view text) {
  KnownHosts hosts;
  int number = 0;
  for_each_part(text, '\n', [&hosts, &number](std::string_view line) {
    ++number;
    std::string reason = hosts.add_line(line, number);
    if (reason.empty()) return;
    if (hosts.skipped_.size() < kMaxSkippedKept) hosts.skipped_.push_back({number, std::move(reason)});
    ++hosts.skipped_count_;
  });
  return hosts;
}

std::string KnownHosts::add_line(std::string_view line, int number) {
  std::string_view rest = line.substr(0, line.find('\0'));  // where ssh's line ends: what it obeys must count here
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  std::string_view names = take_word(rest);
  if (names.empty() || names.starts_with('#')) return {};
  KnownKey key;
  key.line = number;
  key.damage = take_markers(names, rest, key.marker);
  if (std::string damage = take_key(rest, key); key.damage.empty()) key.damage = std::move(damage);
  if (key.marker == Marker::none && !key.damage.empty()) key.marker = Marker::unreadable;
  if (key.marker == Marker::unreadable && ++unreadable_count_ >= kMaxUnreadableKept) {
    if (unreadable_count_ > kMaxUnreadableKept) return key.damage;
    names = kEveryName;
  }
  if (names.empty()) names = kEveryName;
  if (std::string damage = add_names(names, keys_.size()); !damage.empty()) {
    if (key.damage.empty()) key.damage = std::move(damage);
    if (key.marker == Marker::none) key.marker = Marker::unreadable;
    add_patterns(std::string(kEveryName), keys_.size());
  }
  keys_.push_back(std::move(key));
  return keys_.back().damage;
}

std::string KnownHosts::add_names(std::string_view names, std::size_t key) {
  if (names.starts_with('|')) return add_hashed_name(names, key);
  const std::string lower = lower_case(names);
  if (lower.find_first_of("*?!") != std::string::npos) {
    add_patterns(lower, key);
    return {};
  }
  for_each_part(lower, ',', [this, key](std::string_view name) {
    if (name.empty()) return;
    std::vector<std::size_t>& keys = exact_[std::string(name)];
    if (keys.empty() || keys.back() != key) keys.push_back(key);
  });
  return {};
}

// "|1|SALT|HASH": 1 is HMAC-SHA1 of the name with the salt as its key.
std::string KnownHosts::add_hashed_name(std::string_view field, std::size_t key) {
  constexpr std::string_view kMagic = "|1|";
  const std::string reason = "the hashed name is damaged";
  if (!field.starts_with(kMagic)) return reason;
  field.remove_prefix(kMagic.size());
  const std::size_t bar = field.find('|');
  if (bar == std::string_view::npos) return reason;
  const auto salt = decode_base64(field.substr(0, bar));
  const auto hash = decode_base64(field.substr(bar + 1));
  if (!salt || !hash || salt->size() != kHashBytes || hash->size() != kHashBytes) return reason;
  HashedLine line{key, {}, {}};
  std::copy(salt->begin(), salt->end(), line.salt.begin());
  std::copy(hash->begin(), hash->end(), line.hash.begin());
  hashed_.push_back(line);
  return {};
}

void KnownHosts::add_patterns(const std::string& names, std::size_t key) {
  PatternLine line{key, {}};
  for_each_part(names, ',', [&line](std::string_view text) {
    const bool negated = text.starts_with('!');
    if (negated) text.remove_prefix(1);
    if (!text.empty()) line.patterns.push_back({std::string(text), negated});
  });
  patterns_.push_back(std::move(line));
}

const std::vector<std::size_t>& KnownHosts::find_hashed(const std::string& name) const {
  if (const auto before = hashed_found_.find(name); before != hashed_found_.end()) return before->second;
  if (hashed_found_.size() >= kMaxNamesKept) hashed_found_.clear();
  std::vector<std::size_t>& found = hashed_found_[name];
  const auto* data = reinterpret_cast<const unsigned char*>(name.data());
  for (const HashedLine& line : hashed_) {
    Hash hash{};
    unsigned length = 0;
    if (HMAC(EVP_sha1(), line.salt.data(), static_cast<int>(kHashBytes), data, name.size(), hash.data(),
             &length) == nullptr)
      continue;
    if (hash == line.hash) found.push_back(line.key);
  }
  return found;
}

std::vector<const KnownKey*> KnownHosts::find(std::string_view name, NameKind kind) const {
  const std::string wanted = lower_case(name);
  std::vector<std::size_t> found;
  if (const auto exact = exact_.find(wanted); exact != exact_.end()) found = exact->second;
  const std::vector<std::size_t>& hashed = find_hashed(wanted);
  found.insert(found.end(), hashed.begin(), hashed.end());
  for (const PatternLine& line : patterns_) {
    bool positive = false;
    bool negative = false;
    for (const Pattern& pattern : line.patterns) {
      if (!matches_pattern(wanted, pattern.text)) continue;
      if (pattern.negated) negative = true;
      const bool speaks_of_it = kind == NameKind::plain || pattern.text.find('/') != std::string::npos;
      if (!pattern.negated && speaks_of_it) positive = true;
    }
    if (positive && !negative) found.push_back(line.key);
  }
  std::sort(found.begin(), found.end());
  std::vector<const KnownKey*> keys;
  for (const std::size_t key : found) keys.push_back(&keys_[key]);
  return keys;
}

}  // namespace tunneld::trust
