// InodeAttributes: the attributes of an inode that the engine returns for stat(2).

package import Platform
package import Storage

/// The attributes shown by stat(2). Times are in nanoseconds since 1970.
package struct InodeAttributes: Equatable, Sendable {
    package var number: InodeNumber
    package var mode: UInt32
    package var links: UInt32
    package var user: UInt32
    package var group: UInt32
    package var specialDevice: UInt64
    package var size: UInt64
    /// The allocated space in units of 512 bytes.
    package var blocks: UInt64
    package var accessTime: Int64
    package var modificationTime: Int64
    package var changeTime: Int64

    package var type: FileType { FileType(mode: mode) }
}
