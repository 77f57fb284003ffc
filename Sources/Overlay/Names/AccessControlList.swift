// AccessControlList: a POSIX ACL in the form in which the kernel passes it in system.posix_acl_access and
// system.posix_acl_default (linux/posix_acl_xattr.h: version 2, then tag u16, permissions u16, id u32). The
// kernel checks permissions. The file system keeps ACL and mode bits in step.

internal import Platform

package struct AccessControlList: Equatable, Sendable {
    package static let accessName = Array("system.posix_acl_access".utf8)
    package static let defaultName = Array("system.posix_acl_default".utf8)

    private struct Item: Equatable {
        var tag: UInt16
        var permissions: UInt16
        var id: UInt32
    }

    private static let owner: UInt16 = 0x01
    private static let user: UInt16 = 0x02
    private static let owningGroup: UInt16 = 0x04
    private static let group: UInt16 = 0x08
    private static let mask: UInt16 = 0x10
    private static let others: UInt16 = 0x20

    private var items: [Item] = []

    /// Decodes an ACL; returns nil if the bytes have another form or version.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.integer(UInt32.self) == 2, (bytes.count - 4) % 8 == 0 else { return nil }
        while !reader.atEnd {
            guard let tag: UInt16 = reader.integer(), let permissions: UInt16 = reader.integer(),
                let id: UInt32 = reader.integer() else { return nil }
            items.append(Item(tag: tag, permissions: permissions, id: id))
        }
    }

    /// The ACL in the kernel's form.
    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 4 + 8 * items.count)
        writer.integer(UInt32(2))
        for item in items {
            writer.integer(item.tag)
            writer.integer(item.permissions)
            writer.integer(item.id)
        }
        return writer.bytes
    }

    /// Whether owner, owning group and others occur exactly once, and named entries come with a mask.
    package var isValid: Bool {
        func count(_ tag: UInt16) -> Int { items.count { $0.tag == tag } }
        let named = count(Self.user) + count(Self.group)
        return count(Self.owner) == 1 && count(Self.owningGroup) == 1 && count(Self.others) == 1
            && count(Self.mask) <= 1 && (named == 0 || count(Self.mask) == 1)
            && items.allSatisfy { $0.permissions <= 7 }
    }

    /// Whether the ACL says no more than the permission bits do.
    package var isMinimal: Bool {
        items.allSatisfy {
            $0.tag == Self.owner || $0.tag == Self.owningGroup || $0.tag == Self.others
        }
    }

    private func permissions(_ tag: UInt16) -> UInt32? {
        items.first { $0.tag == tag }.map { UInt32($0.permissions) }
    }

    /// The permission bits that correspond to the ACL; the mask takes the place of the group bits.
    package var mode: UInt32 {
        let group = permissions(Self.mask) ?? permissions(Self.owningGroup) ?? 0
        return (permissions(Self.owner) ?? 0) << 6 | group << 3 | (permissions(Self.others) ?? 0)
    }

    /// Sets the permissions as chmod(2) does: owner, mask (or group if there is no mask), others.
    package mutating func setMode(_ mode: UInt32) {
        let hasMask = permissions(Self.mask) != nil
        for index in items.indices {
            switch items[index].tag {
            case Self.owner: items[index].permissions = UInt16(mode >> 6 & 7)
            case Self.mask: items[index].permissions = UInt16(mode >> 3 & 7)
            case Self.owningGroup where !hasMask: items[index].permissions = UInt16(mode >> 3 & 7)
            case Self.others: items[index].permissions = UInt16(mode & 7)
            default: break
            }
        }
    }

    /// Turns an inherited default ACL into the access ACL of a new file: it grants nothing that the
    /// creator's mode does not ask for. Returns the file's mode; bits above the permission bits are kept.
    package mutating func createMode(_ mode: UInt32) -> UInt32 {
        let hasMask = permissions(Self.mask) != nil
        for index in items.indices {
            let allowed: UInt32
            switch items[index].tag {
            case Self.owner: allowed = mode >> 6 & 7
            case Self.mask: allowed = mode >> 3 & 7
            case Self.owningGroup where !hasMask: allowed = mode >> 3 & 7
            case Self.others: allowed = mode & 7
            default: continue
            }
            items[index].permissions &= UInt16(allowed)
        }
        return (mode & ~0o777) | self.mode
    }
}
