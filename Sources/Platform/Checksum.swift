// XXH3 (64 bits) from libxxhash: the checksum of every record, block and checkpoint.

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
