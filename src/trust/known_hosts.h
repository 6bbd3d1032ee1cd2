// Known_hosts text and an index over it. Format: sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT"; behaviour: OpenSSH's
// hostfile.c and match.c. Pure: reading files is known_hosts_file.h.
// For one thread, const functions included.
//
// Each line stands for itself: one that cannot be parsed is counted, and the others keep their meaning. (libssh gives
// up the whole file there, which turns a changed key into an unknown one.) It vouches for nobody, but is found under
// its names, or under every name when they cannot be told: who is unknown otherwise may be known by it, or revoked.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tunneld::trust {

enum class Marker {
  none,
  cert_authority,
  revoked,
  unreadable,  // neither of the two, and damaged
};

struct KnownKey {
  Marker marker = Marker::none;
  std::string type;         // the one inside the blob; of a damaged key the one that the line says, empty when it says none
  std::string blob_base64;  // strict base64 of a whole key; empty when the line is damaged and does not tell it
  int line = 0;             // from 1
  std::string damage;       // why the line cannot be read; else empty
};

struct SkippedLine {
  int line = 0;
  std::string reason;
};

enum class NameKind {
  plain,   // a host, "[host]:port" or alias, as ssh itself writes it
  scoped,  // the path to a host behind others: only patterns that hold a '/' speak of paths, so "*.5.12" does
           // not match
};

class KnownHosts {
 public:
  static KnownHosts parse(std::string_view text);

  // Every key whose line names `name` (case does not matter), in the order of the lines, whatever its marker.
  std::vector<const KnownKey*> find(std::string_view name, NameKind kind) const;

  std::size_t size() const { return keys_.size(); }
  std::size_t skipped_count() const { return skipped_count_; }
  // The first of them, at most kMaxSkippedKept.
  const std::vector<SkippedLine>& skipped() const { return skipped_; }
  static constexpr std::size_t kMaxSkippedKept = 16;

 private:
  static constexpr std::size_t kHashBytes = 20;  // SHA-1
  using Hash = std::array<unsigned char, kHashBytes>;

  struct HashedLine {
    std::size_t key;
    Hash salt;
    Hash hash;
  };
  struct Pattern {
    std::string text;
    bool negated;
  };
  struct PatternLine {
    std::size_t key;
    std::vector<Pattern> patterns;
  };

  // Empty when the line is whole (or says nothing), else why it cannot be read.
  std::string add_line(std::string_view line, int number);
  std::string add_names(std::string_view names, std::size_t key);
  std::string add_hashed_name(std::string_view field, std::size_t key);
  void add_patterns(const std::string& names, std::size_t key);
  const std::vector<std::size_t>& find_hashed(const std::string& name) const;

  std::vector<KnownKey> keys_;
  // Lines without wildcards and negations are found by name; the others are tried one by one.
  std::unordered_map<std::string, std::vector<std::size_t>> exact_;
  std::vector<HashedLine> hashed_;
  std::vector<PatternLine> patterns_;
  // What find_hashed found for a name: 2 microseconds a line are too many to spend at each question of each
  // reconnect.
  mutable std::unordered_map<std::string, std::vector<std::size_t>> hashed_found_;
  std::vector<SkippedLine> skipped_;
  std::size_t skipped_count_ = 0;
  std::size_t unreadable_count_ = 0;
};

// '*' stands for any text, '?' for one character. Both sides in lower case. Time is at most the product of
// the lengths.
bool matches_pattern(std::string_view name, std::string_view pattern);

// ASCII only, as host names are compared.
std::string lower_case(std::string_view text);

}  // namespace tunneld::trust
