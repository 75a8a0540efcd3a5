import Foundation
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// A daemon that really has too few descriptors: drops wait, none is refused for it, and when there
/// are enough all goes on by itself.
@Suite(.serialized, .enabled(if: FileManager.default.fileExists(atPath: BuiltProgram.folder + "/talad"), "talad is not built"))
struct ShortageTests {
    /// A spool with a drop and a worker that is a shell script.
    static func spool(worker: String = "") throws -> SpoolLayout {
        let layout = SpoolLayout(root: NSTemporaryDirectory() + "tala-short-\(UUID().uuidString)")
        for folder in [layout.root] + layout.folders { try DurableFiles.makeFolder(folder) }
        try DurableFiles.makeFolder(layout.models + "/m")
        try DurableFiles.replace(layout.models + "/m/config.json", with: "{}")
        try DurableFiles.replace(layout.files + "/t.jsonl", with: "{}\n")
        try DurableFiles.replace(
            layout.root + "/worker.sh",
            with: """
                #!/bin/sh
                \(worker)
                [ $1 = validate ] && word=queued || word=succeeded
                [ $1 = validate ] && echo '{}' >$3/validation.json
                # A file that the list of digests does not name is believed as it is.
                sed -i /ledger.json/d $3/SHA256SUMS
                sed -i "s/\\"state\\": \\"[a-z_]*\\"/\\"state\\": \\"$word\\"/" $3/ledger.json
                sed -i "s/\\"status\\": \\"[a-z_]*\\"/\\"status\\": \\"$word\\"/" $3/status.json
                """, mode: 0o755)
        chmod(layout.root + "/worker.sh", 0o755)
        try DurableFiles.replace(layout.incoming + "/a.yaml", with: "model: m\ntraining_file: t.jsonl\n")
        return layout
    }

    private static func start(_ layout: SpoolLayout, descriptors: Int) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "ulimit -Sn \(descriptors); exec '\(BuiltProgram.folder)/talad' --spool '\(layout.root)' --device cpu"]
        process.environment = ProcessInfo.processInfo.environment.merging(["TALA_WORKER": layout.root + "/worker.sh"]) { $1 }
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func jobs(_ layout: SpoolLayout) -> [JobStatus] {
        ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) }.compactMap { layout.job($0).status() }
    }

    @Test func aDaemonWithoutDescriptorsWaitsForThem() throws {
        // With four a program can just be loaded.
        let counts = Extent.isFull ? Array(4...30) : [4, 5, 6, 8, 12, 14, 16, 20]
        var daemons: [(count: Int, layout: SpoolLayout, process: Process)] = []
        defer {
            for daemon in daemons {
                daemon.process.terminate()
                daemon.process.waitUntilExit()
                FolderListing.delete(daemon.layout.root)
            }
        }
        for count in counts {
            let layout = try Self.spool()
            daemons.append((count, layout, try Self.start(layout, descriptors: count)))
        }
        Thread.sleep(forTimeInterval: 2)
        var waited = 0
        for (count, layout, process) in daemons {
            #expect(process.isRunning, "\(count) descriptors")
            #expect(try FolderListing.names(in: layout.rejected).isEmpty, "\(count) descriptors")
            if !Self.jobs(layout).contains(where: { $0.state == .succeeded }) { waited += 1 }
            let raise = Process()
            raise.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            raise.arguments = ["prlimit", "--pid", "\(process.processIdentifier)", "--nofile=1024:"]
            try raise.run()
            raise.waitUntilExit()
            #expect(raise.terminationStatus == 0)
        }
        #expect(waited > 0)
        let deadline = Date().addingTimeInterval(900)
        while Date() < deadline, !daemons.allSatisfy({ Self.jobs($0.layout).map(\.state) == [.succeeded] }) {
            Thread.sleep(forTimeInterval: 0.1)
        }
        for (count, layout, process) in daemons {
            #expect(
                process.isRunning && Self.jobs(layout).map(\.state) == [.succeeded],
                "\(count) descriptors: \(Self.jobs(layout).map(\.state))")
            #expect(
                try FolderListing.names(in: layout.incoming).isEmpty && FolderListing.names(in: layout.rejected).isEmpty,
                "\(count) descriptors")
        }
        Extent.report("daemons short of descriptors", counts.count)
    }
}
