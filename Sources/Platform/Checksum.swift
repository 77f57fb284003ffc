// Checksum: XXH3 (64 bits) from libxxhash, the checksum of every record, block and checkpoint.

internal import CPlatform
internal import CXXHash

/// The 64-bit XXH3 checksum, seed 0 (https://github.com/Cyan4973/xxHash).
package enum Checksum {
    package static func xxh3(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        XXH3_64bits(bytes.baseAddress, bytes.count)
    }

    package static func xxh3(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { xxh3($0) }
    }

    package static func xxh3(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.withUnsafeBytes { xxh3($0) }
    }
}

/// A secret for checksums, which replaces XXH3's own secret. A process that does not know it cannot
/// compute any checksum. XXH3 is not a cryptographic hash: this protects only against an attacker that
/// sees none of the checksums.
package struct ChecksumKey: Equatable, Sendable {
    /// In bytes: the length of XXH3's own secret.
    package static let length = 192
    package let secret: [UInt8]

    /// Returns nil unless `secret` has the right length.
    package init?(_ secret: [UInt8]) {
        guard secret.count == Self.length else { return nil }
        self.secret = secret
    }

    /// Returns a new key from getrandom(2).
    package static func random() throws(Errno) -> ChecksumKey {
        var secret = [UInt8](repeating: 0, count: length)
        let isFilled = secret.withUnsafeMutableBytes {
            cp_getrandom($0.baseAddress, $0.count) == 0
        }
        guard isFilled, let key = ChecksumKey(secret) else { throw .last }
        return key
    }

    package func xxh3(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { xxh3($0) } }

    package func xxh3(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        secret.withUnsafeBytes { secret in
            XXH3_64bits_withSecret(
                bytes.baseAddress, bytes.count, secret.baseAddress, secret.count)
        }
    }
}
