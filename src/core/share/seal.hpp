// Secrets of added keys are stored only sealed: AES-256-GCM under a key made of
// gemini_secret. Source: design.md "Between hosts".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::share {

class Seal {
public:
    static constexpr std::size_t nonce_size = 12;

    /// The operator's secret, of any length from 16 bytes on; only a digest of
    /// it is kept, and wiped at the end. HKDF-SHA256 (RFC 5869) with a label.
    explicit Seal(std::string_view secret);
    ~Seal();

    Seal(const Seal &) = delete;
    Seal &operator=(const Seal &) = delete;

    /// nonce: nonce_size fresh random bytes. context is authenticated too (the
    /// key's id): a sealed text cannot be given to another. base64url of
    /// nonce, ciphertext and tag. Empty: OpenSSL has failed.
    std::string close(std::string_view plain, std::string_view context,
        std::string_view nonce) const;

    /// nullopt: it was not sealed so, or by another secret. The text is the
    /// caller's to wipe.
    std::optional<std::string> open(std::string_view sealed,
        std::string_view context) const;

private:
    std::array<unsigned char, 32> key_;
    bool ready_ = false;                // OpenSSL has made it
};

}
