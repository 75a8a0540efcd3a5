import Foundation
import TestSupport
import Testing

@testable import CommandLineTools

/// `scripts/install`, on which the Debian package is built too.
@Suite struct InstallTests {
    private static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// A folder of the programs that are built, and one in the place of the server, which is a
    /// package of its own and may not be built.
    private static func gatherPrograms(in folder: String) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["tala", "talad", "tala-worker", "tala-engine"] {
            try files.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "\(BuiltProgram.folder)/\(name)")
        }
        let server = folder + "/tala-serve"
        try Data("#!/bin/sh\n".utf8).write(to: URL(fileURLWithPath: server))
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: server)
    }

    @Test func whatIsInstalledFindsItsPartsAndGoesAwayButForSettings() throws {
        let folder = NSTemporaryDirectory() + "tala-install-\(UUID().uuidString)"
        let programs = NSTemporaryDirectory() + "tala-programs-\(UUID().uuidString)"
        defer { for path in [folder, programs] { try? FileManager.default.removeItem(atPath: path) } }
        try Self.gatherPrograms(in: programs)
        let script = ReferenceSet.checkout + "/scripts/install"
        let arguments = ["--prefix", "/opt/tala", "--destdir", folder, "--programs", programs]
        let installed = try Self.run(script, arguments)
        #expect(installed.status == 0, "\(installed.text)")
        let root = folder + "/opt/tala"
        for name in [
            "bin/tala", "bin/talad", "libexec/tala/tala-worker", "share/tala/Shaders/common/operands.glsl", "share/man/man1/tala-doctor.1",
            "share/bash-completion/completions/tala", "lib/sysusers.d/tala.conf", "lib/tmpfiles.d/tala.conf", "bin/tala-serve",
            "libexec/tala/tala-engine", "share/man/man8/tala-serve.8", "lib/systemd/system/tala-serve.service",
        ] { #expect(FileManager.default.fileExists(atPath: "\(root)/\(name)"), "\(name) is not installed") }
        let unit = try String(contentsOfFile: root + "/lib/systemd/system/talad.service", encoding: .utf8)
        #expect(unit.contains("ExecStart=/opt/tala/bin/talad "))
        let found = InstalledPrograms(folder: root + "/bin")
        #expect(found.worker == root + "/libexec/tala/tala-worker" && found.missing.isEmpty)
        #expect(try Self.run(root + "/bin/tala", ["--version"]).status == 0)

        // What an administrator has written is not written over.
        let settings = folder + "/etc/default/tala"
        try Data("TALAD_OPTIONS=--drain\n".utf8).write(to: URL(fileURLWithPath: settings))
        #expect(try Self.run(script, arguments).status == 0)
        #expect(try String(contentsOfFile: settings, encoding: .utf8) == "TALAD_OPTIONS=--drain\n")

        #expect(try Self.run(script, ["--prefix", "/opt/tala", "--destdir", folder, "--uninstall"]).status == 0)
        let left = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder) && !isFolder.boolValue
        }
        #expect(left.sorted() == ["etc/default/tala", "etc/default/tala-serve", "etc/tala/policy.yaml"], "\(left)")
    }
}
