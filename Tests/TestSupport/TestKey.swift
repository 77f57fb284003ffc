// testKey: the key of the checksums in tests that make logs without a store. It is constant, so that the
// bytes of the logs are constant too.

package import Platform

/// The bytes 0, 1, 2 and so on.
package let testKey: ChecksumKey = {
    guard let key = ChecksumKey((0..<ChecksumKey.length).map { UInt8($0) }) else {
        preconditionFailure("a key has other than \(ChecksumKey.length) bytes")
    }
    return key
}()
