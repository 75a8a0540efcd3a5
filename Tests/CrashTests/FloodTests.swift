import Foundation
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// The short form of scripts/flood: many drops while the daemon is stopped and the kernel forgets
/// that they came.
@Suite(.serialized, .enabled(if: FileManager.default.fileExists(atPath: BuiltProgram.folder + "/talad"), "talad is not built"))
struct FloodTests {
    @Test func eachOfManyDropsIsTakenOnceThoughTheKernelForgetsThem() throws {
        let count = 500
        let layout = try ShortageTests.spool(worker: "exec sleep 60")
        defer { FolderListing.delete(layout.root) }
        FolderListing.delete(layout.incoming + "/a.yaml")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/talad")
        process.arguments = ["--spool", layout.root, "--device", "cpu"]
        process.environment = ProcessInfo.processInfo.environment.merging(["TALA_WORKER": layout.root + "/worker.sh"]) { $1 }
        let log = layout.root + "/log"
        try DurableFiles.replace(log, with: "")
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        let start = Date()
        while !FolderListing.exists(layout.daemonFile), Date().timeIntervalSince(start) < 20 { usleep(20_000) }
        kill(process.processIdentifier, SIGSTOP)
        // Two names that are ignored, in turn, since equal events are kept once: more events than
        // the queue holds.
        let limit = (try? DurableFiles.read("/proc/sys/fs/inotify/max_queued_events")).flatMap {
            Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        }
        for index in 0..<min(200_000, (limit ?? 16_384) + 100) {
            let descriptor = open(layout.incoming + "/.\(index % 2).tmp", O_WRONLY | O_CREAT, 0o644)
            close(descriptor)
        }
        for index in 0..<count {
            let aside = layout.root + "/.aside"
            try Data("model: m\ntraining_file: t.jsonl\n\(index % 10 == 9 ? "evil: 1\n" : "")".utf8).write(to: URL(fileURLWithPath: aside))
            rename(aside, layout.incoming + "/drop\(index).yaml")
        }
        kill(process.processIdentifier, SIGCONT)
        let begun = Date()
        func waiting() throws -> Int { try FolderListing.names(in: layout.incoming).count { !$0.hasPrefix(".") } }
        while try waiting() > 0, Date().timeIntervalSince(begun) < 900 { usleep(50_000) }
        #expect(try waiting() == 0 && process.isRunning)
        let drops = try FolderListing.names(in: layout.jobs).filter { JobIdentifier.isJob($0) }.map { try layout.job($0).acceptance().drop }
        #expect(drops.count == count * 9 / 10 && Set(drops).count == drops.count)
        #expect(try FolderListing.names(in: layout.rejected).count == count / 10)
        #expect(try String(decoding: DurableFiles.read(log), as: UTF8.self).contains("more happened in the spool than the kernel keeps"))
        Extent.report("drops of a short flood", count)
    }
}
