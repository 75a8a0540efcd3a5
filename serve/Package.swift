// swift-tools-version: 6.2
import PackageDescription

// The HTTP front: a package of its own, since Hummingbird needs Swift 6.2 and brings some twenty
// packages, which trainer, tools and engine do without. What it shares with them is linked in as
// sources: JSON, files, the API's values.
let language: [SwiftSetting] = [.enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("ExistentialAny")]

let package = Package(
    name: "tala-serve",
    products: [.executable(name: "tala-serve", targets: ["tala-serve"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCrypto"),
        .target(name: "JSON", swiftSettings: language),
        .target(name: "Storage", dependencies: ["CLinux", "CCrypto", "JSON"], swiftSettings: language),
        .target(name: "EngineProtocol", swiftSettings: language),
        .target(name: "Constraints", dependencies: ["JSON"], swiftSettings: language),
        .target(name: "ServingAPI", dependencies: ["Constraints", "JSON"], swiftSettings: language),
        .target(name: "Filtering", dependencies: ["JSON"], swiftSettings: language),
        .executableTarget(
            name: "tala-serve",
            dependencies: [
                "EngineProtocol", "Filtering", "JSON", "ServingAPI", "Storage", .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: language),
    ]
)
