import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport

@testable import Daemon

/// A spool in a temporary folder, a model that is only a name, and a worker that is a shell script.
///
/// The script sees `$task` (run, validate, salvage), `$job` (the job's folder), and the functions
/// `state NAME` and `pulse PHASE STEP`. Unless it says otherwise, validation succeeds.
struct TestSpool {
    let layout: SpoolLayout
    /// Whether the first job of an idle daemon goes to its device before it is validated.
    var startsAtOnce = false

    static let manifest = "model: m\ntraining_file: t.jsonl\n"

    init(worker: String, validate: String = "printf '{}' >$job/validation.json; state queued; exit 0") throws {
        layout = SpoolLayout(root: NSTemporaryDirectory() + "tala-spool-\(UUID().uuidString)")
        for folder in [layout.root] + layout.folders {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        try FileManager.default.createDirectory(atPath: layout.models + "/m", withIntermediateDirectories: true)
        try DurableFiles.replace(layout.models + "/m/config.json", with: "{}")
        try DurableFiles.replace(layout.files + "/t.jsonl", with: "{}\n")
        let script = """
            #!/bin/sh
            task=$1
            job=$3
            device=$5
            \(Self.entries)
            state() {
              enter "s/\\"state\\": \\"[a-z_]*\\"/\\"state\\": \\"$1\\"/"
              sed -i "s/\\"status\\": \\"[a-z_]*\\"/\\"status\\": \\"$1\\"/" "$job/status.json"
            }
            reason() {
              enter "s/\\"reason\\": [a-z_\\"]*/\\"reason\\": \\"$1\\"/"
              sed -i "s/\\"reason\\": [a-z_\\"]*/\\"reason\\": \\"$1\\"/" "$job/status.json"
            }
            pulse() { printf '%s %s %s\\n' "$1" "$2" "$$" >"$job/.pulse"; }
            if [ $task = validate ]; then
            \(validate)
            fi
            if [ $task = salvage ]; then state failed; exit 1; fi
            \(worker)
            """
        try DurableFiles.replace(workerPath, with: script, mode: 0o755)
        chmod(workerPath, 0o755)
    }

    /// A function of the shell that changes a job's ledger as a worker does: its digest is in the
    /// list at every moment.
    static let entries = """
        enter() {
          sed "$1" "$job/ledger.json" >"$job/.ledger"
          (cd "$job" && sha256sum .ledger | sed 's/\\.ledger/ledger.json/' | cat SHA256SUMS - >.sums && mv .sums SHA256SUMS && mv .ledger ledger.json)
          digest=$(sha256sum <"$job/ledger.json" | cut -d' ' -f1)
          sed "/ledger.json/{/$digest/!d}" "$job/SHA256SUMS" >"$job/.sums" && mv "$job/.sums" "$job/SHA256SUMS"
        }
        """

    var workerPath: String { layout.root + "/worker.sh" }

    /// Writes a manifest and renames it into `incoming/`.
    /// - Parameter owner: the user that it is to belong to (tests that run as root).
    func drop(_ name: String, _ text: String = manifest, owner: UInt32? = nil) throws {
        let temporary = layout.root + "/." + name
        try DurableFiles.replace(temporary, with: text)
        if let owner { chown(temporary, owner, owner) }
        try FileManager.default.moveItem(atPath: temporary, toPath: layout.incoming + "/" + name)
    }

    func ask(_ verb: String, _ job: String, owner: UInt32? = nil) throws {
        let temporary = layout.root + "/.ask-\(UUID().uuidString)"
        try DurableFiles.replace(temporary, with: "")
        if let owner { chown(temporary, owner, owner) }
        rename(temporary, layout.control + "/\(job).\(verb)")
    }

    var configuration: TalaDaemon.Configuration {
        var configuration = TalaDaemon.Configuration(layout: layout, devices: ["cpu"], workerProgram: workerPath)
        configuration.retryDelays = [0, 0, 0]
        configuration.settleSeconds = 0
        configuration.startsAtOnce = startsAtOnce
        return configuration
    }

    /// Does all that is pending.
    func drain(_ change: (inout TalaDaemon.Configuration) -> Void = { _ in }) throws -> Int32 {
        var configuration = configuration
        configuration.drains = true
        change(&configuration)
        let deadline = Date().addingTimeInterval(Self.patience)
        return try TalaDaemon(configuration, mustStop: { Date() > deadline }).run().rawValue
    }

    /// Seconds after which a test gives up on a daemon. Long, since machines may be busy: what
    /// takes this long does not happen at all.
    static let patience: Double = 900

    /// Runs a daemon until `isDone` says so, asked in every turn of its loop.
    /// - Returns: whether it was done.
    @discardableResult
    func run(_ change: (inout TalaDaemon.Configuration) -> Void = { _ in }, until isDone: @escaping () throws -> Bool) throws -> Bool {
        var configuration = configuration
        change(&configuration)
        let deadline = Date().addingTimeInterval(Self.patience)
        nonisolated(unsafe) var done = false
        let daemon = try TalaDaemon(
            configuration,
            mustStop: {
                if !done { done = (try? isDone()) ?? false }
                return done || Date() > deadline
            })
        _ = daemon.run()
        return done
    }

    var ids: [String] { ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) } }
    var jobs: [JobStatus] { ids.compactMap { layout.job($0).status() } }
    func job(droppedAs name: String) -> JobStatus? {
        ids.first { (try? layout.job($0).acceptance())?.drop == name }.flatMap { layout.job($0).status() }
    }
    func events(_ id: String) -> String { String(decoding: (try? DurableFiles.read(layout.job(id).eventsFile)) ?? [], as: UTF8.self) }
    func rejection(_ name: String) throws -> JSONNode { try JSONParser().parse(DurableFiles.read(layout.rejected + "/\(name)/error.json")) }
    /// The lines that workers have written into `log` of the spool.
    var log: [String] {
        String(decoding: (try? DurableFiles.read(layout.root + "/log")) ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func remove() { FolderListing.delete(layout.root) }
}
