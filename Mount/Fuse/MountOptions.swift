// MountOptions: the comma-separated list after `-o`, as in mount(8) and fstab(5). It separates the
// options for libfuse, the options that only mount(8) uses, and the options of draftfs, and refuses
// all others by name. Later options override earlier ones.

internal import Platform

package struct MountOptions: Sendable, Equatable {
    /// The options for libfuse, in order.
    package private(set) var passed: [String] = []
    /// The options of draftfs, by name. The value is "" for an option without `=`.
    package private(set) var product: [String: String] = [:]
    /// Whether users other than the one that mounts may use the mount.
    package var allowOther: Bool

    /// - Parameters:
    ///   - text: the list; a value in double quotes may contain commas.
    ///   - productKeys: the names of the options that go to `product`.
    ///   - privileged: whether root mounts; then `suid`, `dev` and `allow_other` apply unless `text`
    ///     says otherwise.
    package init(
        _ text: String, productKeys: Set<String> = [], privileged: Bool
    ) throws(MountFailure) {
        allowOther = privileged
        // libfuse and fusermount3 default to nosuid and nodev.
        if privileged { passed = ["suid", "dev"] }
        for option in MountOptions.split(text) {
            try add(option, productKeys)
        }
    }

    /// Whether `ro` applies.
    package var isReadOnly: Bool { last(of: ["ro", "rw"]) == "ro" }
    /// Whether `noatime` applies. The kernel keeps no access times for FUSE, so the server keeps
    /// them.
    package var noAccessTime: Bool { last(of: ["noatime", "atime"]) == "noatime" }
    /// Whether `sync` applies.
    package var isSynchronous: Bool { last(of: ["sync", "async"]) == "sync" }

    private func last(of names: Set<String>) -> String? { passed.last { names.contains($0) } }

    private static let flags: Set<String> = [
        "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async",
        "dirsync", "atime", "noatime",
    ]
    private static let securityContexts: Set<String> = [
        "context", "fscontext", "defcontext", "rootcontext",
    ]
    /// Options for mount(8) alone, or about access times, which the kernel does not keep for FUSE.
    private static let ignored: Set<String> = [
        "auto", "noauto", "nofail", "_netdev", "nouser", "noowner", "nogroup", "silent", "loud",
        "relatime", "norelatime", "strictatime", "nostrictatime", "diratime", "nodiratime",
        "lazytime", "nolazytime", "default_permissions", "comment",
    ]
    /// The options that these options imply (mount(8)).
    private static let implied: [String: [String]] = [
        "defaults": ["rw", "exec", "async"],
        "user": ["noexec", "nosuid", "nodev"], "users": ["noexec", "nosuid", "nodev"],
        "owner": ["nosuid", "nodev"], "group": ["nosuid", "nodev"],
    ]

    private mutating func add(
        _ option: String, _ productKeys: Set<String>
    ) throws(MountFailure) {
        let equals = option.firstIndex(of: "=")
        let name = String(option[..<(equals ?? option.endIndex)])
        if productKeys.contains(name) {
            product[name] = equals.map { MountOptions.unquoted(option[option.index(after: $0)...]) } ?? ""
        } else if MountOptions.flags.contains(option) {
            passed.append(option)
        } else if MountOptions.securityContexts.contains(name), equals != nil {
            passed.append(option)
        } else if let flags = MountOptions.implied[name] {
            passed += flags
        } else if option == "allow_other" {
            allowOther = true
        } else if !MountOptions.ignored.contains(name), !name.hasPrefix("x-"),
            !name.hasPrefix("X-")
        {
            throw MountFailure("the mount option \"\(option)\" is not known", .invalid)
        }
    }

    /// Returns a value without the double quotes around it, as mount(8) takes them. The kernel takes those
    /// of security contexts off itself.
    private static func unquoted(_ value: Substring) -> String {
        guard value.count > 1, value.first == "\"", value.last == "\"" else { return String(value) }
        return String(value.dropFirst().dropLast())
    }

    /// Splits at commas outside of double quotes. Drops empty parts.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = [""]
        var quoted = false
        for character in text {
            if character == "\"" { quoted.toggle() }
            if character == ",", !quoted {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts.filter { !$0.isEmpty }
    }

    /// Returns one `-o` argument for libfuse for each option. libfuse uses a backslash as the escape
    /// character.
    func arguments(fsname: String, subtype: String) -> [String] {
        var options = passed + ["default_permissions"]
        if allowOther { options.append("allow_other") }
        options += ["fsname=" + fsname, "subtype=" + subtype]
        return options.map { option in
            var escaped = "-o"
            for character in option {
                if character == "," || character == "\\" { escaped.append("\\") }
                escaped.append(character)
            }
            return escaped
        }
    }
}
