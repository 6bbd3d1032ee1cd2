#include "trust/crypto_version.h"

#include <openssl/crypto.h>

namespace tunneld::trust {

std::string crypto_version() { return OpenSSL_version(OPENSSL_VERSION); }

}  // namespace tunneld::trust
