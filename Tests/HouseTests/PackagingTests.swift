import Foundation
import Testing

/// What makes a package of Tala: scripts, and the files below `debian/`.
@Suite struct PackagingTests {
    private static let shellcheck = "/usr/bin/shellcheck"
    private static let hasShellcheck = FileManager.default.isExecutableFile(atPath: shellcheck)

    private static func scripts() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: SourceTree.path("scripts")).sorted()
        let all = names.map { "scripts/\($0)" } + [".ci/run", "debian/tala.postrm", "debian/tests/demo"]
        return all.filter { name in
            let first = (try? SourceTree.text(of: name)).flatMap { SourceTree.lines(of: $0).first } ?? ""
            return first.hasPrefix("#!/usr/bin/env bash") || first.hasPrefix("#!/bin/sh") || first.hasPrefix("# shellcheck shell=")
        }
    }

    @Test(.enabled(if: hasShellcheck, "shellcheck is not here")) func shellcheckHasNothingToSayOfAnyScript() throws {
        let scripts = try Self.scripts()
        #expect(scripts.count > 20, "\(scripts)")
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.shellcheck)
        process.arguments = ["--external-sources", "--format=gcc"] + scripts
        process.currentDirectoryURL = URL(fileURLWithPath: SourceTree.path("."))
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
    }

    @Test func thePackageHasTheVersionOfThePrograms() throws {
        let changelog = try SourceTree.text(of: "debian/changelog")
        let version = try #require(changelog.split(separator: "(").dropFirst().first?.split(separator: ")").first)
        for program in ["Sources/tala/Tala.swift", "Sources/talad/Talad.swift"] {
            #expect(try SourceTree.text(of: program).contains("version: \"\(version)\""), "\(program) has another version than \(version)")
        }
    }

    /// A unit, a user or a folder that is made for the source is in the package too.
    @Test func everyFileForSystemdIsInThePackage() throws {
        let debian = try FileManager.default.contentsOfDirectory(atPath: SourceTree.path("debian"))
        let linked = Set(
            debian.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: SourceTree.path("debian/\($0)")) })
        for name in try FileManager.default.contentsOfDirectory(atPath: SourceTree.path("systemd")) {
            #expect(linked.contains("../systemd/\(name)"), "debian/ has no link to systemd/\(name)")
        }
    }

    /// The program that root runs for the server reads names of files and nothing else; a name that
    /// is not the server's own starts nothing.
    @Test func enginesAreStartedAndStoppedByTheNamesOfFilesAlone() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/tala-engines-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/run", withIntermediateDirectories: true)
        let names = [
            "engine-1.args", "engine-2.args", "engine-2.ended", "classifier-3.args", "evil.args", "engine-x;id.args", "engine-4$(id).args",
            "engine-5 engine-6.args", ".engine-7.args", "engine-8.sock",
        ]
        for name in names { try Data().write(to: URL(fileURLWithPath: folder + "/run/" + name)) }
        let fake = """
            #!/bin/sh
            case $1 in
            list-units) echo "tala-engine@engine-1.service loaded active running"; echo "tala-engine@engine-9.service loaded active running" ;;
            *) echo "$*" >>"\(folder)/log" ;;
            esac
            """
        try Data(fake.utf8).write(to: URL(fileURLWithPath: folder + "/systemctl"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/systemctl")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: SourceTree.path("scripts/start-engines"))
        process.arguments = [folder + "/run"]
        process.environment = ["SYSTEMCTL": folder + "/systemctl", "PATH": "/usr/bin:/bin"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let log = try String(contentsOfFile: folder + "/log", encoding: .utf8)
        #expect(
            log.split(separator: "\n").sorted() == [
                "start --no-block tala-engine@classifier-3.service", "start --no-block tala-engine@engine-1.service",
                "stop --no-block tala-engine@engine-9.service",
            ], "\(log)")
    }
}
