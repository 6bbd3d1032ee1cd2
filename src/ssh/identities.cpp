#include "ssh/identities.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/ssh_data.h"

namespace tunneld::ssh {
namespace {

constexpr const char* kUsualNames[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
constexpr std::size_t kMaxKeyFileBytes = 64 * 1024;  // the largest RSA key is a tenth of it

std::string shorten(const std::string& path, const std::string& home) {
  if (!home.empty() && path.starts_with(home + "/")) return "~" + path.substr(home.size());
  return path;
}

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// Empty when it cannot be read, or is no file: a pipe would block for ever.
std::string read_file(const std::string& path) {
  if (!is_file(path)) return "";
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4096> piece;  // most keys are smaller
  std::string text;
  while (text.size() < kMaxKeyFileBytes) {
    file.read(piece.data(), piece.size());
    if (file.gcount() == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

// The blob of a public key line, "type base64 comment"; empty when it is none.
std::string public_blob(const std::string& text) {
  std::istringstream line(text);
  std::string type;
  std::string blob;
  line >> type >> blob;
  const bool looks_right = type.starts_with("ssh-") || type.starts_with("ecdsa-") || type.starts_with("sk-");
  return looks_right && blob.starts_with("AAAA") ? blob : "";
}

// What OpenSSH's own format (PROTOCOL.key) says before the secret part. Nothing for another format.
struct OpensshHeader {
  bool encrypted = false;
  std::string public_blob;  // base64
};

std::optional<OpensshHeader> openssh_header(const std::string& text) {
  constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view kMagic("openssh-key-v1", sizeof "openssh-key-v1");  // with its NUL
  const std::size_t begin = text.find(kBegin);
  if (begin == std::string::npos) return std::nullopt;
  std::string body = text.substr(begin + kBegin.size());
  body.resize(std::min(body.size(), body.find('-')));
  std::erase_if(body, [](unsigned char c) { return std::isspace(c) != 0; });
  const std::string bytes = decode_base64(body).value_or("");
  if (!bytes.starts_with(kMagic)) return std::nullopt;
  std::string_view rest = std::string_view(bytes).substr(kMagic.size());
  const std::optional<std::string_view> cipher = take_string(rest);
  take_string(rest);  // kdfname
  take_string(rest);  // kdfoptions
  take_uint32(rest);  // number of keys: 1
  const std::optional<std::string_view> key = take_string(rest);
  if (!cipher || !key) return std::nullopt;
  return OpensshHeader{*cipher != "none", encode_base64(*key)};
}

bool is_encrypted(const std::string& text) {
  if (const std::optional<OpensshHeader> header = openssh_header(text)) return header->encrypted;
  return text.find("ENCRYPTED") != std::string::npos;
}

// The blob of a key's public half, as bytes; of a certificate the certificate itself.
std::string blob_bytes(ssh_key key) {
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return "";
  std::string bytes = decode_base64(text).value_or("");
  ssh_string_free_char(text);
  return bytes;
}

// Whether the certificate is for this key. Its blob is the type, a nonce, the fields of the public key as they stand in
// the key's own blob, and more (PROTOCOL.certkeys). ssh_key_cmp() of libssh 0.10 takes the types for different keys.
bool certifies(ssh_key certificate, ssh_key key) {
  const std::string certified = blob_bytes(certificate);
  const std::string plain = blob_bytes(key);
  std::string_view fields(plain);
  std::string_view certified_fields(certified);
  take_string(fields);
  take_string(certified_fields);
  take_string(certified_fields);
  return !fields.empty() && certified_fields.starts_with(fields);
}

KeyPtr import_certificate(const std::string& path) {
  ssh_key raw = nullptr;
  if (!is_file(path) || ssh_pki_import_cert_file(path.c_str(), &raw) != SSH_OK) return nullptr;
  KeyPtr certificate(raw);
  // libssh 0.10 takes a plain public key here as well.
  const std::string_view type = ssh_key_type_to_char(ssh_key_type(raw));
  return type.ends_with("-cert-v01@openssh.com") ? std::move(certificate) : nullptr;
}

// Without this OpenSSL itself would ask for a passphrase on the terminal, and wait.
int no_passphrase(const char*, char*, size_t, int, int, void*) { return -1; }

KeyPtr import_private(const std::string& path) {
  ssh_key raw = nullptr;
  return ssh_pki_import_privkey_file(path.c_str(), nullptr, no_passphrase, nullptr, &raw) == SSH_OK ? KeyPtr(raw)
                                                                                                    : nullptr;
}

class Loading {
 public:
  Loading(const Host& host, std::string home) : home_(std::move(home)) {
    for (const std::string& path : host.certificate_files) {
      KeyPtr certificate = import_certificate(path);
      if (certificate)
        certificates_.push_back({path, std::move(certificate)});
      else
        problem(path, ::access(path.c_str(), R_OK) == 0 ? "is not an OpenSSH certificate" : std::strerror(errno));
    }
  }

  void load(const std::string& path, bool must_exist) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      if (must_exist) problem(path, std::strerror(errno));
      return;
    }
    if (!S_ISREG(info.st_mode)) return problem(path, "is not a file");
    if (::access(path.c_str(), R_OK) != 0) return problem(path, std::strerror(errno));
    const std::string text = read_file(path);
    if (const std::string blob = public_blob(text); !blob.empty()) {
      found_.agent_keys.push_back(blob);  // a public key names the one in the agent, as for ssh
      return;
    }
    // As ssh does: a key that others can read is no secret any more.
    if ((info.st_mode & 077) != 0 && info.st_uid == ::getuid()) {
      problem(path, "others may read it; chmod 600 it");
      return;
    }
    load_private(path, text);
  }

  Identities take() { return std::move(found_); }

 private:
  struct Certificate {
    std::string path;
    KeyPtr key;
  };

  void load_private(const std::string& path, const std::string& text) {
    KeyPtr key = import_private(path);
    if (!key) {
      // The agent may have it: what to ask the agent for stands in the file itself, or beside it.
      const std::optional<OpensshHeader> header = openssh_header(text);
      const std::string blob = header ? header->public_blob : public_blob(read_file(path + ".pub"));
      if (!blob.empty()) found_.agent_keys.push_back(blob);
      problem(path, is_encrypted(text) ? "needs a passphrase; add it to an ssh-agent (ssh-add)"
                                       : "is not a private key that libssh can read");
      return;
    }
    for (const Certificate& certificate : certificates_) offer_certified(path, certificate.path, *certificate.key);
    const std::string beside_path = path + "-cert.pub";
    const bool named = std::any_of(certificates_.begin(), certificates_.end(),
                                   [&](const Certificate& certificate) { return certificate.path == beside_path; });
    // Offered once: a server counts every offer as an attempt to log in (MaxAuthTries).
    if (const KeyPtr beside = named ? nullptr : import_certificate(beside_path))
      offer_certified(path, beside_path, *beside);
    std::string print = fingerprint(key.get());
    offer(std::move(key), path, std::move(print), false);
  }

  void offer_certified(const std::string& path, const std::string& certificate_path, ssh_key_struct& certificate) {
    KeyPtr key = import_private(path);
    if (!key || !certifies(&certificate, key.get())) return;
    // Of the key within, as ssh-keygen -l has it; once the certificate is there, libssh takes that of the certificate.
    std::string print = fingerprint(key.get());
    if (ssh_pki_copy_cert_to_privkey(&certificate, key.get()) != SSH_OK) return;
    offer(std::move(key), certificate_path, std::move(print), true);
  }

  void offer(KeyPtr key, const std::string& path, std::string print, bool certificate) {
    Identity identity;
    identity.label = shorten(path, home_);
    identity.type = ssh_key_type_to_char(ssh_key_type(key.get()));
    identity.fingerprint = std::move(print);
    identity.certificate = certificate;
    identity.key = std::move(key);
    found_.usable.push_back(std::move(identity));
  }

  void problem(const std::string& path, const std::string& what) {
    found_.problems.push_back(shorten(path, home_) + ": " + what);
  }

  std::string home_;
  std::vector<Certificate> certificates_;
  Identities found_;
};

}  // namespace

std::vector<std::string> identity_paths(const Host& host, const std::string& home) {
  std::vector<std::string> paths = host.identity_files;
  if (paths.empty())
    for (const char* name : kUsualNames) paths.push_back(home + "/.ssh/" + name);
  return paths;
}

Identities load_identities(const Host& host, const std::string& home) {
  Loading loading(host, home);
  for (const std::string& path : identity_paths(host, home)) loading.load(path, !host.identity_files.empty());
  return loading.take();
}

}  // namespace tunneld::ssh
