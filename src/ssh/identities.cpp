#include "ssh/identities.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace tunneld::ssh {
namespace {

constexpr const char* kUsualNames[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
constexpr std::size_t kMaxKeyFileBytes = 64 * 1024;  // the largest RSA key is a tenth of it

std::string shorten(const std::string& path, const std::string& home) {
  if (!home.empty() && path.starts_with(home + "/")) return "~" + path.substr(home.size());
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxKeyFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
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

bool is_encrypted(const std::string& text) {
  // OpenSSH's own format: base64 of "openssh-key-v1", NUL, and the cipher's name, which is "none" without passphrase.
  if (text.find("BEGIN OPENSSH PRIVATE KEY") != std::string::npos)
    return text.find("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU") == std::string::npos;
  return text.find("ENCRYPTED") != std::string::npos;
}

KeyPtr import_certificate(const std::string& path) {
  ssh_key raw = nullptr;
  return ssh_pki_import_cert_file(path.c_str(), &raw) == SSH_OK ? KeyPtr(raw) : nullptr;
}

KeyPtr import_private(const std::string& path) {
  ssh_key raw = nullptr;
  return ssh_pki_import_privkey_file(path.c_str(), nullptr, nullptr, nullptr, &raw) == SSH_OK ? KeyPtr(raw) : nullptr;
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
      const std::string blob = public_blob(read_file(path + ".pub"));
      if (!blob.empty()) found_.agent_keys.push_back(blob);
      problem(path, is_encrypted(text) ? "needs a passphrase; add it to an ssh-agent (ssh-add)"
                                       : "is not a private key that libssh can read");
      return;
    }
    for (const Certificate& certificate : certificates_) offer_certified(path, certificate.path, *certificate.key);
    if (const KeyPtr beside = import_certificate(path + "-cert.pub")) offer_certified(path, path + "-cert.pub", *beside);
    offer(std::move(key), path, false);
  }

  void offer_certified(const std::string& path, const std::string& certificate_path, ssh_key_struct& certificate) {
    KeyPtr key = import_private(path);
    if (!key || ssh_key_cmp(key.get(), &certificate, SSH_KEY_CMP_PUBLIC) != 0) return;
    if (ssh_pki_copy_cert_to_privkey(&certificate, key.get()) != SSH_OK) return;
    offer(std::move(key), certificate_path, true);
  }

  void offer(KeyPtr key, const std::string& path, bool certificate) {
    Identity identity;
    identity.label = shorten(path, home_);
    identity.type = ssh_key_type_to_char(ssh_key_type(key.get()));
    identity.fingerprint = fingerprint(key.get());
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

Identities load_identities(const Host& host, const std::string& home) {
  Loading loading(host, home);
  for (const std::string& path : host.identity_files) loading.load(path, true);
  if (host.identity_files.empty())
    for (const char* name : kUsualNames) loading.load(home + "/.ssh/" + name, false);
  return loading.take();
}

}  // namespace tunneld::ssh
