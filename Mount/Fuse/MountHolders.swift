// MountHolders: the processes that keep a mounted file system busy, as /proc shows them: a process
// whose directory, root or program is in it, that holds or maps a file of it, or that has it mounted
// in another mount namespace. It never accesses the mount, because its server may hang. What the
// caller is not permitted to see is left out.

internal import Glibc
internal import Platform

/// A process and its uses of the file system.
package struct MountHolder: Equatable, Sendable, CustomStringConvertible {
    package enum Use: String, Sendable {
        case directory = "has its directory in it"
        case root = "has its root in it"
        case program = "runs a program of it"
        case file = "has a file of it open"
        case mapping = "maps a file of it"
        case namespace = "has it in another mount namespace"
    }

    package let pid: UInt32
    package let name: String
    package let uses: [Use]

    /// For example `sh (pid 12, has its directory in it)`.
    package var description: String {
        "\(name) (pid \(pid), \(uses.map(\.rawValue).joined(separator: ", ")))"
    }
}

package struct MountHolders: Equatable, Sendable {
    /// The processes, by process number. Of the processes in another mount namespace, only the first
    /// and those that use the file system themselves are listed.
    package private(set) var processes: [MountHolder] = []
    /// The other mount points of the file system in the caller's mount namespace.
    package private(set) var mountPoints: [String] = []

    package var isEmpty: Bool { processes.isEmpty && mountPoints.isEmpty }

    /// The maximum number of processes, and of mount points, that `sentence` lists.
    private static let shown = 8

    /// For example `sh (pid 12, has its directory in it), sleep (pid 15, has a file of it open) and 3 more`.
    package var sentence: String {
        var parts = processes.prefix(Self.shown).map(\.description)
        parts += mountPoints.prefix(Self.shown).map { "the mount on \($0)" }
        let more = max(0, processes.count - Self.shown) + max(0, mountPoints.count - Self.shown)
        return parts.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    /// - Parameters:
    ///   - mount: one mount of the file system.
    ///   - server: the process that serves it; it is not a holder.
    package init(of mount: MountedFileSystem, except server: UInt32?) {
        let device = mount.device
        let own = ProcessTable.mountNamespace(of: "self")
        var others: [String: Bool] = [:]
        for pid in ProcessTable.processes where pid != server && pid != UInt32(getpid()) {
            var uses = Self.uses(of: pid, device)
            if let space = ProcessTable.mountNamespace(of: "\(pid)"), space != own {
                let isKnown = others[space] != nil
                let has = others[space]
                    ?? MountedFileSystem.table(of: "\(pid)").contains { $0.device == device }
                others[space] = has
                if has, !isKnown || !uses.isEmpty { uses.append(.namespace) }
            }
            if uses.isEmpty { continue }
            processes.append(MountHolder(pid: pid, name: ProcessTable.name(of: pid), uses: uses))
        }
        mountPoints = MountedFileSystem.table().filter { $0.device == device && $0 != mount }
            .map { String(decoding: $0.mountPoint, as: UTF8.self) }
    }

    private static func uses(of pid: UInt32, _ device: UInt64) -> [MountHolder.Use] {
        let directory = "/proc/\(pid)"
        var uses: [MountHolder.Use] = []
        let links: [(String, MountHolder.Use)] = [
            ("cwd", .directory), ("root", .root), ("exe", .program),
        ]
        for (link, use) in links where FileStatus.device(at: "\(directory)/\(link)") == device {
            uses.append(use)
        }
        let holds = ProcessTable.descriptors(of: pid).contains {
            FileStatus.device(at: "\(directory)/fd/\($0)") == device
        }
        if holds { uses.append(.file) }
        if ProcessTable.mappedDevices(of: pid).contains(device) { uses.append(.mapping) }
        return uses
    }
}
