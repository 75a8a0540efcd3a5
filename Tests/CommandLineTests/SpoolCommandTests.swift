import Foundation
import JSON
import Jobs
import Storage
import TestSupport
import Spool
import Testing

@testable import CommandLineTools

/// The commands that read a spool's files: what they say of one that is not there, of a daemon that
/// is not there, and of jobs that cannot do what is asked.
@Suite struct SpoolCommandTests {
    @Test(arguments: [["list"], ["status"], ["watch"], ["events"], ["cancel", "x"]])
    func aSpoolThatIsNoneIsAnErrorThatNamesIt(command: [String]) throws {
        let missing = NSTemporaryDirectory() + "tala-no-spool-\(UUID().uuidString)"
        let tala = BuiltProgram(name: "tala")
        for (folder, words) in [(missing, "there is no spool"), (NSTemporaryDirectory(), "is not a spool")] {
            let outcome = try tala.run(command + ["--spool", folder])
            #expect(outcome.status == 2, "\(outcome)")
            #expect(outcome.errors.contains(folder) && outcome.errors.contains(words), "\(outcome)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func aDeadDaemonShowsInListStatusAndWatch() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "running", step: 3, of: 9)
        #expect(try spool.tala(["list"]).errors.contains("no daemon works on \(spool.layout.root)"))
        #expect(try spool.tala(["status"]).output.contains("no daemon works on \(spool.layout.root)"))
        #expect(try JSONParser().parse(Array(spool.tala(["list", "--json"]).output.utf8))["daemon_running"]?.bool == false)
        #expect(try JSONParser().parse(Array(spool.tala(["status", "--json"]).output.utf8))["tala"]?["daemon_running"]?.bool == false)
        let terminal = try PseudoTerminal(columns: 100)
        let watch = try terminal.start("tala", ["watch", "--spool", spool.layout.root])
        var shown = ""
        for _ in 0..<300 where !shown.contains("no daemon is running") {
            usleep(100_000)
            shown += terminal.read()
        }
        terminal.interrupt(watch)
        #expect(shown.contains("no daemon is running"), "\(shown)")

        // With one, nothing of that is said.
        let daemon = try spool.daemon()
        let list = try spool.tala(["list"])
        #expect(list.status == 0 && list.errors.isEmpty, "\(list)")
        #expect(try !spool.tala(["status"]).output.contains("no daemon"))
        withExtendedLifetime(daemon) {}
    }

    /// What the daemon would do with each verb: everything else is said at once, and nothing is
    /// left in `control/`.
    private static let meaning: [String: Set<JobState>] = [
        "cancel": [.validatingFiles, .queued, .running, .paused], "pause": [.validatingFiles, .queued, .running], "resume": [.paused],
        "checkpoint": [.running], "delete": [.succeeded, .failed, .cancelled],
    ]

    @Test(arguments: ["cancel", "pause", "resume", "checkpoint", "delete"])
    func aVerbThatMeansNothingForAJobsStateSaysSoAndAsksForNothing(verb: String) throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let daemon = try spool.daemon()
        for (number, state) in JobState.allCases.enumerated() {
            let id = try spool.add(number, state.rawValue)
            let outcome = try spool.tala([verb, id])
            let isAsked = FolderListing.exists("\(spool.layout.control)/\(id).\(verb)")
            if try #require(Self.meaning[verb]).contains(state) {
                #expect(outcome.status == 0 && isAsked, "\(verb) of \(state): \(outcome)")
                #expect(outcome.output.contains(id))
            } else {
                #expect(outcome.status == 1 && !isAsked, "\(verb) of \(state): \(outcome)")
                #expect(outcome.errors.contains(state.rawValue) && outcome.errors.contains(verb), "\(outcome)")
            }
        }
        withExtendedLifetime(daemon) {}
    }

    @Test func aVerbWithoutADaemonIsNotedAndEndsWith75() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let id = try spool.add(1, "queued")
        let outcome = try spool.tala(["cancel", id])
        #expect(outcome.status == 75 && outcome.errors.contains("no daemon"), "\(outcome)")
        #expect(FolderListing.exists("\(spool.layout.control)/\(id).cancel"))
    }

    @Test func withoutAJobTheNewestIsTaken() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "succeeded")
        let newest = try spool.add(2, "succeeded")
        #expect(try spool.tala(["status"]).output.contains(newest))
        #expect(try spool.tala(["events"]).output.contains("Created"))
        #expect(try spool.tala(["watch"]).status == 0)
    }

    @Test func aListMayBeOfSomeStatesAndOfTheNewestJobs() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let ids = try [(1, "succeeded"), (2, "failed"), (3, "running"), (4, "succeeded")].map { try spool.add($0, $1) }
        let some = try spool.tala(["list", "--state", "succeeded", "--state", "running"]).output
        #expect(some.contains(ids[0]) && !some.contains(ids[1]) && some.contains(ids[2]) && some.contains(ids[3]))
        let newest = try JSONParser().parse(Array(spool.tala(["list", "--limit", "1", "--json"]).output.utf8))
        #expect(newest["data"]?.array?.map { $0["id"]?.string } == [ids[3]])
        #expect(newest["has_more"]?.bool == true)
        #expect(try spool.tala(["list", "--state", "done"]).status == 2)
    }
}
