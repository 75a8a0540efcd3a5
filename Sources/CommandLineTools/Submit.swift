package import ArgumentParser
import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage

/// `tala submit`: drops a manifest, or a bundle, and prints the job's id.
package struct Submit: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Drop a manifest, or a folder with a manifest and its data, into the spool.",
        discussion: """
            Prints the job's id; of a sweep the ids of all its jobs, a line each. Where no daemon works on the spool the drop stays and the job begins when one does: then the name it was dropped under is \
            printed, which every command takes for the id, and the exit code is 75. Do not submit again. Exit codes: 0 accepted (with --wait: succeeded), \
            1 refused (with --wait: or failed), 2 usage; with --wait: 3 cancelled, 4 paused, 130 interrupted.
            """)
    @OptionGroup var options: SpoolOptions
    @Argument(
        help: "The manifest (.json, .yaml) or a folder that holds one.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var manifest: String
    @Flag(help: "Wait until the job has ended; the exit code tells how.") var wait = false

    package init() {}

    package func run() throws {
        let layout = options.layout
        guard FolderListing.exists(layout.incoming) else {
            throw CommandFailure(
                .notFound, "\(layout.root) is not a spool: it has no folder incoming/; name the spool with --spool or TALA_SPOOL")
        }
        guard access(layout.incoming, W_OK | X_OK) == 0 else {
            throw CommandFailure(.failed, "you may not write into \(layout.incoming)" + FolderGroup.remedy(layout.incoming))
        }
        let before = Set(JobListing.ids(layout))
        let name = try Drop(manifest).put(into: layout)
        let presence = DaemonPresence(layout)
        guard presence.isRunning else {
            throw try waiting(name, "dropped as \(name), do not submit again; \(presence.warning)")
        }
        guard let ids = try accepted(name, layout, before), let id = ids.first else {
            throw try waiting(name, "dropped as \(name), do not submit again; the daemon has not taken it within 30 s")
        }
        if !options.json { try StandardOutput.line(ids.joined(separator: "\n")) }
        if let sweep = (try? layout.job(id).acceptance())?.sweep { return try finish(ids, sweep, name, layout) }
        if wait {
            try Watch.follow(layout.job(id), options, quietly: true)
        } else if options.json {
            try StandardOutput.json(["id": JSONNode(id), "drop": JSONNode(name)], isIndented: false)
        }
    }

    /// Tells of the jobs of a sweep, and waits for all of them where that is asked for.
    /// - Throws: the exit code of the first that did not succeed.
    private func finish(_ ids: [String], _ sweep: SweepPlace, _ name: String, _ layout: SpoolLayout) throws {
        if !options.json { StandardError.write("\(ids.count) jobs; tala list --group \(sweep.group) ranks them\n") }
        var failure: (any Error)?
        if wait {
            var quiet = options
            // One object is printed, when all have ended.
            quiet.json = false
            for id in ids {
                do { try Watch.follow(layout.job(id), quiet, quietly: true) } catch {
                    if let code = error as? ExitCode, code == CommandExit.interrupted.code { throw code }
                    failure = failure ?? error
                }
            }
        }
        if options.json {
            try StandardOutput.json(
                ["group": JSONNode(sweep.group), "ids": JSONNode(ids.map { JSONNode($0) }), "drop": JSONNode(name)], isIndented: false)
        }
        if let failure { throw failure }
    }

    /// Prints the name of a drop that no daemon has taken.
    /// - Returns: the failure that the command ends with.
    private func waiting(_ name: String, _ message: String) throws -> CommandFailure {
        if !options.json { try StandardOutput.line(name) }
        return CommandFailure(.noDaemon, message, context: [JSONMember("id", .null), JSONMember("drop", JSONNode(name))])
    }

    /// Waits until the daemon has taken the drop.
    /// - Returns: the job's id, of a sweep those of all its jobs; nil if that takes longer than
    ///   half a minute.
    private func accepted(_ name: String, _ layout: SpoolLayout, _ before: Set<String>) throws(CommandFailure) -> [String]? {
        for _ in 0..<600 {
            if let rejection = Self.rejection(name, layout) { throw rejection }
            if !FolderListing.exists(layout.incoming + "/" + name) {
                let new = JobListing.ids(layout).filter { !before.contains($0) }
                // Others may drop at the same time: the job knows the name that it was dropped
                // under.
                let own = new.filter { (try? layout.job($0).acceptance())?.drop == name }
                // Those of a sweep come to their places one after the other.
                let count = own.last.flatMap { try? layout.job($0).acceptance() }?.sweep?.count ?? 1
                if !own.isEmpty, own.count >= count { return own }
            }
            usleep(50_000)
        }
        return nil
    }

    /// Why the daemon refused a drop, or nil if it did not.
    static func rejection(_ name: String, _ layout: SpoolLayout) -> CommandFailure? {
        guard let bytes = try? DurableFiles.read(layout.rejected + "/" + name + "/error.json", limit: 1 << 20),
            let error = try? JSONParser().parse(bytes)
        else { return nil }
        let place = error["line"]?.integer.map { ", line \($0)" } ?? ""
        let key = error["param"]?.string.map { "\($0): " } ?? ""
        let details = ["code", "param", "line", "column"].map { JSONMember($0 == "code" ? "reason" : $0, error[$0] ?? .null) }
        return CommandFailure(
            .rejected, Terminal.safe("rejected\(place): \(key)\(error["message"]?.string ?? "")"), details: details,
            context: [JSONMember("drop", JSONNode(name))])
    }
}
