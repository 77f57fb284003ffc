// swift-tools-version: 6.2
// Targets stand in dependency order: each may import only those above it that it names.
// TidyTests compares the import lines of the sources with the arrows written here.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let deques = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

let package = Package(
    name: "draftfs",
    products: [.executable(name: "draftfs", targets: ["draftfs"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.2.0"),
    ],
    targets: [
        // C libraries of the system, and what Glibc's module hides.
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(
            name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(
            name: "CFuse", path: "Mount/CFuse", pkgConfig: "fuse3",
            providers: [.apt(["libfuse3-dev"])]),
        .target(name: "CPlatform"),

        // The engine: knows nothing of FUSE.
        .target(name: "Platform", dependencies: ["CPlatform", "CXXHash"], swiftSettings: settings),
        // A protocol alone: knows no file system.
        .target(name: "MCP", dependencies: [], swiftSettings: settings),
        .target(name: "Tools", dependencies: ["CPCRE2", "Platform"], swiftSettings: settings),
        // Joins the two: the tools as agents see them.
        .target(
            name: "ToolServer", dependencies: ["Tools", "MCP", "Platform"],
            swiftSettings: settings),
        .target(
            name: "Storage", dependencies: ["Platform", "CSQLite"], swiftSettings: settings),
        .target(name: "Overlay", dependencies: ["Storage", "Platform"], swiftSettings: settings),
        .target(
            name: "Past", dependencies: ["Overlay", "Storage", "Platform"], swiftSettings: settings),
        .target(
            name: "Check", dependencies: ["Past", "Overlay", "Storage", "Platform"],
            swiftSettings: settings),
        .target(
            name: "Control", dependencies: ["Check", "Past", "Overlay", "Storage", "Platform"],
            swiftSettings: settings),

        // The engine as a ground of tools, where there is no mount.
        .target(
            name: "StoreGround",
            dependencies: ["Tools", "Control", "Check", "Past", "Overlay", "Storage", "Platform"],
            swiftSettings: settings),

        // The mount: everything that knows FUSE.
        .target(
            name: "Fuse", dependencies: ["CFuse", "Platform"], path: "Mount/Fuse",
            swiftSettings: settings),
        .target(
            name: "MountServer",
            dependencies: [
                "Fuse", "Control", "Check", "Past", "Overlay", "Storage", "Platform", logging, deques,
            ],
            path: "Mount/Server", swiftSettings: settings),

        .executableTarget(
            name: "draftfs",
            dependencies: [
                "MountServer", "Fuse", "StoreGround", "Control", "Check", "Past", "Overlay", "Storage",
                "ToolServer", "Tools", "Platform", argumentParser, logging,
            ],
            swiftSettings: settings),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [
                "Check", "Past", "Overlay", "Storage", "Platform", "CPlatform",
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "PlatformTests", dependencies: ["Platform", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "MCPTests", dependencies: ["MCP", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "ToolsTests", dependencies: ["Tools", "Platform", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ToolServerTests",
            dependencies: [
                "StoreGround", "Past", "Overlay", "ToolServer", "Tools", "MCP", "Platform", "TestSupport",
            ],
            exclude: ["Clients"], swiftSettings: settings),
        .testTarget(
            name: "StorageTests", dependencies: ["Storage", "Platform", "TestSupport"],
            exclude: ["Fixtures"], swiftSettings: settings),
        .testTarget(
            name: "OverlayTests",
            dependencies: [
                "Check", "Past", "Overlay", "Storage", "Platform", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ControlTests",
            dependencies: [
                "Control", "Check", "Past", "Overlay", "Storage", "Platform", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ModelTests",
            dependencies: [
                "Check", "Past", "Overlay", "Storage", "Platform", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "Check", "Past", "Overlay", "Storage", "Platform", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FuseTests", dependencies: ["Fuse", "Platform", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "CommandTests",
            dependencies: ["draftfs", "Past", "Overlay", "TestSupport", argumentParser],
            swiftSettings: settings),
        .testTarget(
            name: "MountTests",
            dependencies: [
                "draftfs", "MountServer", "Fuse", "Control", "Overlay", "Storage", "Platform", "CPlatform",
                "TestSupport", logging,
            ],
            exclude: ["Scenarios"], swiftSettings: settings),
        // What a request costs: scripts/bench builds it, nothing installs it.
        .target(name: "CStepper", path: "Tests/Costs/Stepper"),
        .executableTarget(
            name: "draftfs-costs",
            dependencies: [
                "CStepper", "MountServer", "Fuse", "Overlay", "Platform", logging,
            ],
            path: "Tests/Costs/Program", swiftSettings: settings),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: settings),
    ]
)
